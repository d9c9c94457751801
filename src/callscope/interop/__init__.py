"""What ways in and ways out share: pure translations between others' words and ours."""
