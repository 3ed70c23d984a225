DROP TABLE task_completions;
