"""The notary room under load: a rush for few seats, everything mixed, claims beside a bare route, a month, and kills."""
