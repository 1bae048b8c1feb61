"""Outlook, through Microsoft Graph, behind `base.Provider`."""
