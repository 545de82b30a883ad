"""Second opinions: computations written anew, which share no code with what they check."""
