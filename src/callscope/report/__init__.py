"""What commands and pages tell alike: figures as words, spend, budgets, health, calls that go on."""
