list(APPEND extra people stub-llm-plan)
