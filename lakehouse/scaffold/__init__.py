"""A new project: the files below `template`, and the schemas that editors read."""
