"""Rules about rows: strict casts, expectations, and the one aggregate that counts what they find.

Builds columns and writes nothing. A rule puts a hidden column `__f<n>` on the frame (NULL: the row keeps the rule);
`evaluate` counts them all in one job, `accepted` and `rejected` route the rows by them.
"""
