"""The demonstration: one person, three web apps, and everything that was promised, counted."""
