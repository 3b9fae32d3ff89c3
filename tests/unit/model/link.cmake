list(APPEND extra people)
