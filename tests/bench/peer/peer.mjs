// The peer: the JavaScript client with the settings in which it is fastest. Its handler waits PAUSE
// milliseconds and completes; it writes nothing anywhere.
import { setTimeout as wait } from "node:timers/promises";
import { Client } from "camunda-external-task-client-js";

const { ENGINE, TENANT, TOPIC, PAUSE } = process.env;
const pause = Number(PAUSE);

const client = new Client({
  baseUrl: ENGINE,
  workerId: `bench-js-${process.pid}`,
  maxTasks: 100,
  interval: 0,
  maxParallelExecutions: 32,
  asyncResponseTimeout: 5000,
  lockDuration: 10000,
});

for (const event of ["poll:error", "complete:error", "handler:error"]) {
  client.on(event, (...details) => console.error(event, details.at(-1)));
}

client.subscribe(TOPIC, { variables: [], tenantIdIn: [TENANT] }, async ({ task, taskService }) => {
  if (pause > 0) await wait(pause);
  await taskService.complete(task);
});
