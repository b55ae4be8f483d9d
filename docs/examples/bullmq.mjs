// A service that takes its BullMQ options from the file that the project renders. BullMQ 5 or 6: npm install bullmq
import { readFileSync } from 'node:fs';
import { Queue, Worker } from 'bullmq';

const options = JSON.parse(readFileSync(process.env.BULLMQ_OPTIONS ?? '/etc/bullmq-options.json', 'utf8'));
const redis = { host: process.env.REDIS_HOST ?? '127.0.0.1', port: Number(process.env.REDIS_PORT ?? 6380) };
if (process.env.REDIS_PASSWORD) redis.password = process.env.REDIS_PASSWORD;

export function queue(name) {
  const made = new Queue(name, { ...options.queue, connection: { ...redis, ...options.queueConnection } });
  made.on('error', (error) => console.error(`queue ${name}: ${error.message}`)); // without it an error ends the process
  return made;
}

export function worker(name, processor) {
  const made = new Worker(name, processor, { ...options.worker, connection: { ...redis, ...options.workerConnection } });
  made.on('error', (error) => console.error(`worker ${name}: ${error.message}`));
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => made.close().then(() => process.exit(0))); // what is under way is finished, not stalled
  }
  return made;
}
