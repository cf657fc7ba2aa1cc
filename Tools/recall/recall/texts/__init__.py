"""A DSSM over real words: titles of posts, texts as questions, and the words a person types."""
