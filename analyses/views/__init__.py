"""How the larger diagnostics are told: tables, figures and sentences, from the tidy frame alone."""
