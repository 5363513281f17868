"""Rules about rows: strict casts, expectations, and the one aggregate that counts what they find.

Builds columns and writes nothing. A rule puts hidden columns on the frame: `__f<n>` has what was found, NULL where the
row keeps the rule, and `__b<n>` whether it breaks it. `evaluate` counts them all in one job, `accepted` and `rejected`
route the rows by them.
"""
