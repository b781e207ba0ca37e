"""Any amount of recordings read once and by several processes, in bounded memory."""
