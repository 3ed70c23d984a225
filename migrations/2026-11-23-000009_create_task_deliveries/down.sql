DROP TABLE task_deliveries;
