"""What the keys of each queue library look like: one row for one library.

Names and types come from the source of each library, named beside its row, or from the keys that the library wrote to a
server of ours (tests/queue_keys.py has those, with the versions).

What does not count as a queue: results of jobs (celery-task-meta-*, rq:results:*, huey.results.*), which expire; pub/sub
channels; a list that only has a name such as `queue` or `jobs`, because caches, feeds and rate limiters use lists, too
(recognise.SUSPICIOUS names it without counting it); a sorted set or a stream without consumer groups.
"""

from __future__ import annotations

from dataclasses import dataclass

PROOF = 3  # the weight from which on keys are a queue


@dataclass(frozen=True)
class Key:
    """One key of a queue.

    name: literal text with <base> for the part that all keys of the queue share, <queue> for any text and <id> for a
    job's number or UUID. weight: PROOF when nothing else has such a name and type; less when other programs may.
    mark: only this library has such a key, not one that is laid out alike.
    """

    type: str
    name: str
    weight: int
    mark: bool = False


@dataclass(frozen=True)
class Kind:
    """One library.

    sure: regular expression for a base below which a single key of the library is proof, because it is the library's
    own prefix. marks: at least one key with `mark` is needed. also: names that are asked for first, beside those without
    a placeholder.
    """

    name: str
    keys: tuple[Key, ...]
    sure: str = ""
    marks: bool = False
    also: tuple[str, ...] = ()


def _each(kind: str, names: str, weight: int, *, mark: bool = False) -> tuple[Key, ...]:
    """One key for each of the names, which are separated by spaces."""
    return tuple(Key(kind, name, weight, mark) for name in names.split())


# A prefix of `bull`, as a word of the first part: bull, {bull}, bull-prod, prod_bullmq.
_BULL = r"(?:[^:]*[^:a-z])?bull(?:mq)?(?:[^:a-z][^:]*)?:.+"

# Bull: lib/queue.js, keys. No other program has these without `id`, which every added job raises.
_BULL_KEYS = (
    Key("list", "<base>:wait", 2),
    *_each("list", "<base>:active <base>:paused", 1),
    *_each("zset", "<base>:delayed <base>:completed <base>:failed <base>:priority <base>:repeat", 1),
    Key("set", "<base>:stalled", 1),
    Key("string", "<base>:id", 1),
    Key("string", "<base>:stalled-check", 2),
    Key("hash", "<base>:repeat:<queue>", 1),
    Key("hash", "<base>:<id>", 1),
)

KINDS = (
    # bullmq: src/classes/queue-keys.ts; version 1 had `delay` and `priority`, 4 brought `pc` and `marker`.
    Kind(
        "BullMQ",
        (
            *_each("zset", "<base>:prioritized <base>:waiting-children <base>:marker", 2, mark=True),
            Key("stream", "<base>:events", 1, mark=True),
            Key("hash", "<base>:meta", 1, mark=True),
            Key("string", "<base>:pc", 1, mark=True),
            *_BULL_KEYS,
        ),
        sure=_BULL,
        marks=True,
    ),
    Kind("Bull", _BULL_KEYS, sure=_BULL),
    # bee-queue: lib/queue.js, toKey and settings.prefix
    Kind(
        "bee-queue",
        (
            *_each("list", "<base>:waiting <base>:active", 1),
            Key("zset", "<base>:delayed", 1),
            Key("set", "<base>:stalling", 2),
            *_each("set", "<base>:succeeded <base>:failed", 1),
            Key("string", "<base>:id", 1),
            Key("hash", "<base>:jobs", 1),
        ),
        sure=r"\{?bq\}?:.+",
    ),
    # kue: lib/kue.js, lib/queue/job.js (getKey)
    Kind(
        "Kue",
        (
            Key("set", "<base>:job:types", 2),
            *_each("zset", "<base>:jobs:inactive <base>:jobs:active <base>:jobs:delayed <base>:jobs:failed", 2),
            Key("zset", "<base>:jobs:complete", 2),
            Key("zset", "<base>:jobs", 1),
            Key("string", "<base>:ids", 1),
        ),
        sure=r"\{?q\}?",
        also=("q:job:types", "q:jobs"),
    ),
    # sidekiq: lib/sidekiq/client.rb (atomic_push), launcher.rb (processes), api.rb; sidekiq-cron: cron_jobs.
    # resque: lib/resque/data_store.rb. faktory: storage/redis.go (scheduled, retries, dead, working, queues).
    Kind(
        "Sidekiq, Resque or Faktory",
        (
            Key("set", "queues", PROOF),
            Key("list", "queue:<queue>", 1),
            Key("zset", "delayed_queue_schedule", PROOF),
            *_each("zset", "retry retries", 2),
            *_each("zset", "schedule scheduled dead working", 1),
            *_each("set", "processes cron_jobs failed_queues", 2),
            Key("set", "workers", 1),
            Key("list", "failed", 1),
            *_each("string", "stat:processed stat:failed", 1),
        ),
        also=("queue:default",),
    ),
    # The same below a namespace: redis-namespace of Sidekiq, `resque` of Resque, php-resque, pyres and node-resque, exq.
    # Hangfire.Redis.StackExchange: RedisWriteOnlyTransaction.cs (AddToQueue), RedisStorageOptions.cs (DefaultPrefix).
    Kind(
        "Sidekiq, Resque or Hangfire",
        (
            Key("set", "<base>:queues", 2),
            Key("list", "<base>:queue:<queue>", 1),
            *_each("zset", "<base>:schedule <base>:retry <base>:dead", 1),
            Key("zset", "<base>:delayed_queue_schedule", PROOF),
            *_each("set", "<base>:processes <base>:workers <base>:cron_jobs", 1),
            Key("list", "<base>:failed", 1),
            *_each("string", "<base>:stat:processed <base>:stat:failed", 1),
        ),
        sure=r"\{?(?:resque|sidekiq|exq|hangfire)[^:]*\}?(?::[^:]+)?",
        also=("resque:queues", "sidekiq:queues", "{hangfire}:queues", "hangfire:queues"),
    ),
    # kombu: kombu/transport/redis.py (keyprefix_queue, sep, unacked_key ...); global_keyprefix comes before each name.
    # celery-redbeat: redbeat/schedulers.py (schedule_key).
    Kind(
        "Celery",
        (
            *_each("set", "_kombu.binding.<queue> <base>_kombu.binding.<queue>", PROOF),
            *_each("set", "_kombu.binding_permanent.<queue> <base>_kombu.binding_permanent.<queue>", PROOF),
            *_each("zset", "_kombu.binding_deadlines <base>_kombu.binding_deadlines", PROOF),
            Key("list", "<base>\x06\x16<id>", PROOF),
            Key("list", "celery", PROOF),
            Key("hash", "unacked", PROOF),
            *_each("zset", "unacked_index <base>unacked_index redbeat::schedule <base>redbeat::schedule", PROOF),
        ),
        also=("_kombu.binding.celery",),
    ),
    # rq: rq/queue.py, rq/registry.py, rq/worker.py; rq-scheduler: rq_scheduler/scheduler.py
    Kind(
        "RQ",
        (
            *_each("set", "rq:queues rq:workers", PROOF),
            Key("list", "rq:queue:<queue>", PROOF),
            *_each("zset", "rq:wip:<queue> rq:scheduled:<queue> rq:deferred:<queue> rq:failed:<queue>", PROOF),
            *_each("zset", "rq:finished:<queue> rq:canceled:<queue> rq:scheduler:scheduled_jobs", PROOF),
        ),
        also=("rq:queue:default",),
    ),
    # laravel/framework: src/Illuminate/Queue/RedisQueue.php (getQueue), config/database.php (prefix, without a separator);
    # top-think/think-queue: src/queue/connector/Redis.php, {queues:NAME}
    Kind(
        "Laravel",
        (
            *_each("list", "queues:<queue> <base>queues:<queue>", PROOF),
            *_each("zset", "queues:<queue>:delayed <base>queues:<queue>:delayed", PROOF),
            *_each("zset", "queues:<queue>:reserved <base>queues:<queue>:reserved", PROOF),
            *_each("zset", "{queues:<queue>}:delayed {queues:<queue>}:reserved", PROOF),
        ),
        also=("queues:default", "laravel_database_queues:default", "laravel-database-queues:default"),
    ),
    # laravel/horizon: src/Repositories/RedisJobRepository.php, config/horizon.php (prefix)
    Kind(
        "Laravel Horizon",
        (
            *_each("zset", "<base>horizon:recent_jobs <base>horizon:pending_jobs <base>horizon:failed_jobs", PROOF),
            *_each("zset", "horizon:recent_jobs horizon:pending_jobs horizon:failed_jobs", PROOF),
            *_each("zset", "<base>horizon:masters <base>horizon:supervisors", PROOF),
        ),
        also=("laravel_horizon:recent_jobs", "laravel_horizon:masters"),
    ),
    # dramatiq: dramatiq/brokers/redis.py and redis/dispatch.lua; `dramatiq` is RedisBroker's default namespace
    Kind(
        "Dramatiq",
        (
            Key("zset", "<base>:__heartbeats__", PROOF),
            Key("set", "<base>:__acks__.<queue>", PROOF),
            *_each("list", "dramatiq:<queue> <base>:<queue>.DQ", PROOF),
            Key("zset", "<base>:<queue>.XQ", PROOF),
        ),
        also=("dramatiq:__heartbeats__", "dramatiq:default"),
    ),
    # huey: huey/storage.py, RedisStorage and PriorityRedisStorage
    Kind(
        "Huey",
        (
            Key("list", "huey.redis.<queue>", PROOF),
            *_each("zset", "huey.redis.<queue> huey.schedule.<queue>", PROOF),
        ),
        also=("huey.redis.huey", "huey.schedule.huey"),
    ),
    # arq: arq/constants.py (default_queue_name). A queue with another name is a sorted set like any other.
    Kind("arq", (Key("zset", "arq:<queue>", PROOF),), also=("arq:queue",)),
    # asynq: internal/base/base.go
    Kind(
        "Asynq",
        (
            Key("set", "asynq:queues", PROOF),
            *_each("zset", "asynq:servers asynq:workers asynq:schedulers", PROOF),
            *_each("list", "asynq:{<queue>}:pending asynq:{<queue>}:active", PROOF),
            *_each("zset", "asynq:{<queue>}:scheduled asynq:{<queue>}:retry asynq:{<queue>}:archived", PROOF),
            *_each("zset", "asynq:{<queue>}:lease asynq:{<queue>}:completed asynq:{<queue>}:deadlines", PROOF),
        ),
    ),
    # machinery: v1/brokers/redis/redis.go (redisDelayedTasksKey); machinery_tasks is the queue of its documentation
    Kind("Machinery", (Key("zset", "delayed_tasks", PROOF), Key("list", "machinery_tasks", PROOF))),
    # tasktiger: tasktiger/_internal.py, tasktiger.py (_key); REDIS_PREFIX is `t`
    Kind(
        "TaskTiger",
        (
            Key("zset", "<base>:queued:<queue>", 2),
            *_each("zset", "<base>:active:<queue> <base>:scheduled:<queue> <base>:error:<queue>", 1),
            *_each("set", "<base>:queued <base>:active <base>:scheduled <base>:error", 1),
        ),
        sure=r"t",
        also=("t:queued", "t:scheduled", "t:active"),
    ),
    # gocraft/work: redis.go
    Kind(
        "gocraft/work",
        (
            *_each("set", "<base>:known_jobs <base>:worker_pools", PROOF),
            Key("list", "<base>:jobs:<queue>:inprogress", PROOF),
        ),
    ),
    # adjust/rmq: redis_keys.go
    Kind(
        "rmq",
        (
            *_each("set", "rmq::queues rmq::connections", PROOF),
            *_each("list", "rmq::queue::<queue>::ready rmq::queue::<queue>::rejected", PROOF),
        ),
    ),
    # rsmq: index.ts (NS:QUEUES, NS:NAME and NS:NAME:Q)
    Kind("RSMQ", (Key("set", "<base>:QUEUES", PROOF),), also=("rsmq:QUEUES",)),
    # saq: saq/queue/redis.py; taskiq-redis: redis_broker.py (queue_name); streaq: worker.py; django-q2: brokers/
    # redis_broker.py; wakaq: queue.py
    Kind("SAQ", (Key("list", "saq:<queue>:queued", PROOF), Key("zset", "saq:<queue>:incomplete", PROOF))),
    Kind("TaskIQ", (Key("list", "taskiq", PROOF),)),
    Kind(
        "streaQ",
        (Key("stream", "streaq:<queue>:queues:<queue>", PROOF), Key("zset", "streaq:<queue>:queues:<queue>", PROOF)),
    ),
    Kind("Django Q", (Key("list", "django_q:<queue>:q", PROOF),)),
    Kind("WakaQ", (Key("list", "wakaq:<queue>", PROOF), Key("zset", "wakaq:eta:<queue>", PROOF))),
    # redisson: RedissonDelayedQueue.java (prefixName)
    Kind(
        "Redisson",
        (
            Key("list", "redisson_delay_queue:<queue>", PROOF),
            Key("zset", "redisson_delay_queue_timeout:<queue>", PROOF),
        ),
    ),
    # qless: lib/qless.lua (QlessQueue.ns, ql:queues)
    Kind(
        "Qless",
        (
            Key("zset", "ql:queues", PROOF),
            *_each("zset", "ql:q:<queue>-work ql:q:<queue>-scheduled ql:q:<queue>-locks ql:q:<queue>-depends", PROOF),
        ),
    ),
    # scrapy-redis: defaults.py (START_URLS_KEY, SCHEDULER_QUEUE_KEY, SCHEDULER_DUPEFILTER_KEY)
    Kind(
        "scrapy-redis",
        (
            *_each("list", "<base>:start_urls", PROOF),
            *(Key(kind, "<base>:start_urls", PROOF) for kind in ("set", "zset")),
            *(Key(kind, "<base>:requests", 1) for kind in ("list", "zset")),
            Key("set", "<base>:dupefilter", PROOF),
        ),
    ),
    # Elastic Beats, output.redis: the key is the name of the Beat; Logstash, input and output redis: its documentation
    Kind(
        "Beats or Logstash",
        _each("list", "filebeat metricbeat packetbeat winlogbeat heartbeat auditbeat logstash", PROOF),
    ),
    # yiisoft/yii2-queue: src/drivers/redis/Queue.php; `queue` is its default channel
    Kind(
        "Yii",
        (
            Key("list", "<base>.waiting", 2),
            Key("list", "<base>.reserved", 1),
            *_each("zset", "<base>.delayed <base>.reserved", 1),
            Key("string", "<base>.message_id", 2),
            *_each("hash", "<base>.messages <base>.attempts", 1),
        ),
        sure="queue",
    ),
    # No library by name: a list of what waits beside a key of what is late, under way or failed, as of hyperf
    # (src/async-queue/src/Driver/ChannelConfig.php), php-enqueue and home-made ones.
    Kind(
        "a queue of an unknown library",
        (
            *_each("list", "<base>:waiting <base>:wait <base>:pending <base>:ready <base>:queued", 2),
            *_each("list", "<base>:processing <base>:inprogress <base>:in-progress <base>:reserved <base>:working", 1),
            *_each("list", "<base>:failed <base>:dead <base>:deadletter <base>:dlq <base>:retry", 1),
            *_each("zset", "<base>:delayed <base>:reserved <base>:scheduled <base>:unacked", 1),
            *_each("zset", "<base>:retry <base>:retries <base>:dead <base>:failed <base>:processing", 1),
        ),
    ),
)
