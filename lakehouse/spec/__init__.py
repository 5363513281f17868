"""Text -> values: files read into typed pipelines that know the place of every key, or every mistake at once."""
