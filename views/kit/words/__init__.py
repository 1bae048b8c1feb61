"""Words that several pages use: of histories, letters, providers, regions, sync and texts."""
