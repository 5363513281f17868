"""Open leaves: one file per provider of secrets.

Each has a model `Options`, whose `provider` is the file's name, and two functions: `place(options, root, scope, key)`
says where the secret is looked for, in words; `read(options, root, scope, key)` gives its value, or None when there is
none. `root` is the project's folder. `read` raises ValueError or OSError with what is wrong with that place.
"""
