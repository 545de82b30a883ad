"""Dead letters as an operator looks at them: gathered, chosen, decoded, told, sent back."""
