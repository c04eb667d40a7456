"""What can be known before a call is spent: a plan, a rehearsal, a trial of a few rows."""
