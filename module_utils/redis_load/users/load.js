// The load of users/run.py: users of a session store and a cache, each with a connection of its own.
//
// Open model: requests begin when they are due, whether or not the ones before have been answered, so a server that stalls
// is measured by all who would have waited. One request is five operations: read the session, write it or put off its end,
// three times look into the cache. A miss is filled, and the fill counts as one of the five of this or the next request.
//
// Each key has a time to live, set by the command that writes it. The plan is a file, so that no password is an argument.

import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import redis from 'k6/experimental/redis'; // users/run.py makes this k6/x/redis where k6 has that

const plan = JSON.parse(open(__ENV.REDIS_LOAD_PLAN));
const FLOWS = ['session_write', 'session_read', 'session_refresh', 'cache_get', 'cache_fill'];
const ERRORS = {
  oom: /^OOM/,
  max_clients: /max number of clients/,
  denied: /^(NOAUTH|WRONGPASS|NOPERM)/,
  timeout: /timeout|deadline exceeded/i,
  refused: /connection refused/,
  lost: /EOF|reset by peer|broken pipe|closed/,
  interrupted: /context canceled/, // by the end of a phase or of the run, not by the server
  server: /^[A-Z]{2,} /,
  other: /^/,
};
const COUNTS = ['connected', 'cache_misses', 'sessions_lost', ...Object.keys(ERRORS).map((kind) => `error_${kind}`)];
const NAMED = { p50: 50, p90: 90, p95: 95, p99: 99, 'p99.9': 99.9 };
const stat = (percent) => (percent === 50 ? 'med' : `p(${percent})`);

const trend = Object.fromEntries([...FLOWS, 'start_lag'].map((name) => [name, new Trend(name, true)]));
const count = Object.fromEntries(COUNTS.map((name) => [name, new Counter(name)]));

const requests = Math.max(1, Math.round((plan.rate / plan.operations) * 10)); // in ten seconds: k6 wants whole numbers
const arrivals = { timeUnit: '10s', preAllocatedVUs: plan.users, maxVUs: plan.users };

export const options = {
  setupTimeout: '1h', // it waits for the common start of several generators
  systemTags: ['scenario'],
  tlsAuth: plan.certificates,
  summaryTrendStats: ['avg', 'max', 'count', ...plan.quantiles.map(stat)],
  scenarios: {
    // The phases share the VUs, and so the connections, as none begins before the one before has ended.
    connect: {
      executor: 'per-vu-iterations',
      exec: 'connect',
      vus: plan.users,
      maxDuration: `${plan.warm_up_at - 1}s`,
      gracefulStop: '0s',
    },
    warm_up: {
      ...arrivals,
      executor: 'ramping-arrival-rate',
      exec: 'warmUp',
      startTime: `${plan.warm_up_at}s`,
      startRate: Math.ceil(requests / 10),
      stages: [
        { target: requests, duration: `${plan.warm_up / 2}s` },
        { target: requests, duration: `${plan.warm_up / 2}s` },
      ],
      gracefulStop: '1s',
    },
    sustained: {
      ...arrivals,
      executor: 'constant-arrival-rate',
      exec: 'sustained',
      startTime: `${plan.sustained_at}s`,
      rate: requests,
      duration: `${plan.duration}s`,
      gracefulStop: `${plan.timeout}s`,
    },
  },
  // Not to judge, which users/run.py has switched off: k6 keeps apart by phase only what a threshold names.
  thresholds: Object.fromEntries([
    ...Object.keys(trend).map((name) => [sustainedOf(name), ['max>=0']]),
    ...[...COUNTS, 'iterations', 'dropped_iterations'].map((name) => [sustainedOf(name), ['count>=0']]),
  ]),
};

const client = new redis.Client(plan.server); // one for each VU; connects with its first command
const session = `${plan.prefix}session:`;
const told = new Set();
let owed = 0; // cache operations of this user that are due
let user; // its number
let clock; // exec.instance makes a new object whenever it is asked for, a seventh of all the CPU time: asked for once

export function setup() {
  sleep(Math.max(0, plan.start_at - Date.now() / 1000));
  console.log('REDIS_LOAD STARTED');
}

export async function connect() {
  sleep(((exec.vu.idInTest - 1) / plan.users) * plan.ramp);
  begin();
  if (await writeSession()) count.connected.add(1);
}

export async function warmUp() {
  if (!clock) begin();
  await request();
}

export async function sustained() {
  if (!clock) begin();
  const now = exec.scenario;
  const due = now.startTime + (now.iterationInTest * 10000) / requests;
  trend.start_lag.add(Math.max(0, Date.now() - due));
  await request();
}

function begin() {
  user = exec.vu.idInTest;
  clock = exec.instance;
}

async function request() {
  const key = session + user;
  const found = await timed('session_read', 'get', key);
  if (found === null) count.sessions_lost.add(1);
  if (found === null || Math.random() < plan.write_share) await writeSession();
  else await timed('session_refresh', 'expire', key, plan.session_ttl);
  for (owed += plan.operations - 2; owed > 0; owed -= 1) await lookUp();
}

function writeSession() {
  return timed('session_write', 'set', session + user, plan.session_value, plan.session_ttl);
}

async function lookUp() {
  const key = `${plan.prefix}cache:${popular(plan.cache_keys, plan.skew, Math.random())}`;
  if ((await timed('cache_get', 'get', key)) !== null) return;
  count.cache_misses.add(1);
  owed -= 1;
  await timed('cache_fill', 'set', key, plan.cache_value, plan.cache_ttl);
}

// The answer, null where there is no such key, undefined when it failed. Date.now() is too coarse: this clock has
// fractions of a millisecond.
function timed(flow, command, ...words) {
  const began = clock.currentTestRunDuration;
  const answered = (answer) => {
    trend[flow].add(clock.currentTestRunDuration - began);
    return answer;
  };
  return client[command](...words).then(answered, (error) =>
    String(error) === 'redis: nil' ? answered(null) : failed(String(error)),
  );
}

function failed(text) {
  const kind = Object.keys(ERRORS).find((name) => ERRORS[name].test(text));
  count[`error_${kind}`].add(1);
  if (!told.has(kind)) console.error(`REDIS_LOAD ERROR ${kind}: ${text}`);
  told.add(kind);
}

// Which of the keys 1 to `keys`, by a power law: the first ones most often, all alike where skew is 0. The continuous
// form needs no table, of which each of the users would have one.
function popular(keys, skew, chance) {
  const power = 1 - (skew === 1 ? 0.999999 : skew);
  return Math.min(keys, Math.floor(((keys + 1) ** power * chance + (1 - chance)) ** (1 / power)));
}

function sustainedOf(metric) {
  return `${metric}{scenario:sustained}`;
}

export function handleSummary(data) {
  const values = (name) => (data.metrics[name] || { values: {} }).values;
  const whole = (name) => values(name).count || 0;
  const latency = (name) => {
    const of = values(sustainedOf(name));
    if (!of.count) return { count: 0 };
    const named = Object.fromEntries(Object.entries(NAMED).map(([name, percent]) => [name, of[stat(percent)]]));
    const quantiles = plan.quantiles.map((percent) => [percent, of[stat(percent)]]); // several generators are one by these
    return { count: of.count, mean: of.avg, ...named, max: of.max, quantiles };
  };
  const summary = {
    sustained: {
      flows: Object.fromEntries(FLOWS.map((name) => [name, latency(name)])), // milliseconds
      start_lag: latency('start_lag'),
      iterations: whole(sustainedOf('iterations')),
      dropped_iterations: whole(sustainedOf('dropped_iterations')),
      ...Object.fromEntries(COUNTS.map((name) => [name, whole(sustainedOf(name))])),
    },
    all: Object.fromEntries(
      [...FLOWS, ...COUNTS, 'iterations', 'dropped_iterations'].map((name) => [name, whole(name)]),
    ),
    vus_max: values('vus_max').max || 0,
    seconds: data.state.testRunDurationMs / 1000,
  };
  return { [plan.summary]: JSON.stringify(summary) };
}
