"""The functional core: one pure function per kind that decides what happens next and can say why."""
