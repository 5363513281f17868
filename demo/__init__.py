"""The New York departures of 2013 as a feed that arrives in instalments, and what must come of it."""
