"""The words of the pages of Calendar sync: sentences and badges, from what the rooms below say."""
