"""The floor below the database: how statements are written, and what follows a commit."""
