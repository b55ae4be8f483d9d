"""Keys that queue libraries write, as type and name, and keys of other programs that look a little like them.

WRITTEN was recorded once: the library ran against a Redis 7.0.15 of ours, and each key's TYPE was asked for. Each library
had jobs that waited, ran, failed, were finished, delayed or scheduled, as far as it knows such states. FROM_SOURCE is for
those that need another language; the comment names the file. One line is "type name"; a name may have spaces.
"""

from __future__ import annotations

Key = tuple[str, str]


def keys(text: str) -> list[Key]:
    return [
        (line.split(" ", 1)[0], line.split(" ", 1)[1].encode().decode("unicode_escape"))
        for line in text.strip().splitlines()
    ]


_BULL = """
hash bull:mail:1
hash bull:mail:4
string bull:mail:3:lock
list bull:mail:active
zset bull:mail:completed
zset bull:mail:delayed
zset bull:mail:failed
string bull:mail:id
zset bull:mail:priority
zset bull:mail:repeat
hash bull:mail:repeat:4f2909b216de7a0811131c3dbc69bb5d:1795727700000
string bull:mail:stalled-check
list bull:mail:wait
"""

_BULLMQ = """
hash bull:mail:1
string bull:mail:3:lock
hash bull:mail:3feccdf1-eff3-4b58-937d-dd6fc3b3e2fa
set bull:mail:655f3c67-41a0-411d-b79b-5a41660b8a4a:dependencies
list bull:mail:active
zset bull:mail:completed
zset bull:mail:delayed
stream bull:mail:events
zset bull:mail:failed
string bull:mail:id
zset bull:mail:marker
hash bull:mail:meta
string bull:mail:pc
zset bull:mail:prioritized
zset bull:mail:repeat
hash bull:mail:repeat:rep
hash bull:mail:repeat:rep:1795727637802
string bull:mail:stalled-check
list bull:mail:wait
zset bull:mail:waiting-children
"""

# name of the library and its version -> the kind that the search gives, and the keys
WRITTEN: dict[str, tuple[str, list[Key]]] = {
    "bull 3.29.3": ("Bull", keys(_BULL)),
    "bull 4.16.5": ("Bull", keys(_BULL)),
    "bullmq 1.91.1": (
        "BullMQ",
        keys(
            _BULL
            + "stream bull:mail:delay\nstream bull:mail:events\nhash bull:mail:meta\nzset bull:mail:waiting-children"
        ),
    ),
    "bullmq 4.18.3": ("BullMQ", [key for key in keys(_BULLMQ) if not key[1].endswith((":marker", ":rep"))]),
    "bullmq 6.7.0": ("BullMQ", keys(_BULLMQ)),
    "bee-queue 2.0.0": (
        "bee-queue",
        keys("""
list bq:mail:active
zset bq:mail:delayed
set bq:mail:failed
string bq:mail:id
hash bq:mail:jobs
string bq:mail:stallBlock
set bq:mail:succeeded
list bq:mail:waiting
"""),
    ),
    "kue 0.11.6": (
        "Kue",
        keys("""
string activeJobsTTL:lock
string promotion:lock
list q:email:jobs
string q:ids
hash q:job:1
set q:job:types
zset q:jobs
zset q:jobs:active
zset q:jobs:delayed
zset q:jobs:email:active
zset q:jobs:email:inactive
zset q:jobs:inactive
"""),
    ),
    "node-resque 9.7.1": (
        "Sidekiq, Resque or Hangfire",
        keys("""
list resque:delayed:1795731251
zset resque:delayed_queue_schedule
list resque:failed
list resque:queue:mail
set resque:queues
string resque:resque_scheduler_leader_lock
string resque:stat:failed
string resque:worker:ping:vm:25256
string resque:worker:vm:25256:mail
set resque:workers
"""),
    ),
    "pyres 1.5": ("Sidekiq, Resque or Hangfire", keys("list resque:queue:mail\nset resque:queues")),
    "rsmq 0.12.4": ("RSMQ", keys("set rsmq:QUEUES\nzset rsmq:mail\nhash rsmq:mail:Q")),
    "rq 3.0.0": (
        "RQ",
        keys("""
string rq:clean_groups
zset rq:deferred:mail
zset rq:failed:mail
zset rq:finished:mail
hash rq:job:236d3fb3-e243-4b90-af64-6d388b4727e1
list rq:queue:default
list rq:queue:mail
set rq:queues
stream rq:results:b5358aae-a22f-4fa7-81b0-7ac7a7a49bff
zset rq:scheduled:mail
zset rq:wip:mail
hash rq:worker:d1c1abf257254d84b1d6d65e3b05d94c
set rq:workers
"""),
    ),
    "rq-scheduler 0.14.0": (
        "RQ",
        keys("hash rq:job:62a157b6-6fea-4bbe-9b0d-3ccab1d62b79\nzset rq:scheduler:scheduled_jobs"),
    ),
    "celery 5.3.6, kombu 5.3.4": (
        "Celery",
        keys(r"""
set _kombu.binding.celery
set _kombu.binding.celery.pidbox
set _kombu.binding.celeryev
set _kombu.binding.video
list celery
list celery\x06\x163
list celery\x06\x169
string celery-task-meta-78fe5cd0-25a8-4d6b-b118-05886e1f5bdd
hash unacked
zset unacked_index
list video
"""),
    ),
    "celery 5.7.0, kombu 5.7.0": (
        "Celery",
        keys(r"""
set _kombu.binding.celery
set _kombu.binding.video
zset _kombu.binding_deadlines
set _kombu.binding_permanent.celery
set _kombu.binding_permanent.video
list celery
list celery\x06\x166
hash unacked
zset unacked_index
list video
"""),
    ),
    "kombu 5.7.0 with global_keyprefix": (
        "Celery",
        keys(r"""
set app1__kombu.binding.celery
set app1__kombu.binding.video
set app1__kombu.binding_permanent.celery
list app1_celery
list app1_celery\x06\x163
list app1_video
"""),
    ),
    "dramatiq 2.2.1, nobody works": (
        "Dramatiq",
        keys("""
zset dramatiq:__heartbeats__
list dramatiq:default
list dramatiq:default.DQ
hash dramatiq:default.DQ.msgs
hash dramatiq:default.msgs
"""),
    ),
    "dramatiq 2.2.1, at work": (
        "Dramatiq",
        keys("""
set dramatiq:__acks__.8a7244bc-6ea6-452e-9f8e-69d9b24bed4c.default
zset dramatiq:__heartbeats__
hash dramatiq:default.DQ.msgs
zset dramatiq:default.XQ
hash dramatiq:default.XQ.msgs
"""),
    ),
    "huey 3.5.4": (
        "Huey",
        keys("list huey.redis.myapp\nzset huey.redis.prio\nhash huey.results.myapp\nzset huey.schedule.myapp"),
    ),
    "arq 0.28.0": (
        "arq",
        keys("""
string arq:in-progress:1f71c40ca32948b69d2c7835167beac1
string arq:job:1f71c40ca32948b69d2c7835167beac1
zset arq:queue
string arq:queue:health-check
zset arq:video
"""),
    ),
    "tasktiger 0.26.3": (
        "TaskTiger",
        keys("""
set t:active
zset t:active:default
set t:error
zset t:error:default
set t:queued
zset t:queued:mail.x
set t:scheduled
zset t:scheduled:video
string t:task:4fcc199fa6d1af78994f1cabdc838d52dab5277336fd5f06efc820c6a656a48c
list t:task:ed2fa4191d873aca4e0a4735f23d0d1916715c5f48432eb7bd60365a079b8ce0:executions
"""),
    ),
    "saq 0.26.4": (
        "SAQ",
        keys("""
zset saq:default:incomplete
list saq:default:queued
zset saq:default:stats
string saq:job:default:9718149e-e9de-11f1-87e3-02fc00000001
"""),
    ),
    "taskiq-redis 1.2.4": ("TaskIQ", keys("list taskiq")),
    "streaq 7.2.0": (
        "streaQ",
        keys("""
zset streaq:default:queues:delayed:normal
stream streaq:default:queues:normal
string streaq:default:task:data:17fdb7b6c81649669c8ab902c03f02e9
"""),
    ),
    "django-q2 1.11.1": ("Django Q", keys("list django_q:proj:q")),
    "wakaq 4.0.4": ("WakaQ", keys("list wakaq:default\nzset wakaq:eta:default")),
}

FROM_SOURCE: dict[str, tuple[str, list[Key]]] = {
    # sidekiq: lib/sidekiq/client.rb, launcher.rb, job_retry.rb
    "Sidekiq": (
        "Sidekiq, Resque or Faktory",
        keys(
            "set queues\nlist queue:default\nzset schedule\nzset retry\nzset dead\nset processes\nstring stat:processed"
        ),
    ),
    "Sidekiq, whose `queues` was evicted": (
        "Sidekiq, Resque or Faktory",
        keys("list queue:default\nzset retry"),
    ),
    "Sidekiq with redis-namespace": (
        "Sidekiq, Resque or Hangfire",
        keys("set shop:queues\nlist shop:queue:default\nset shop:processes\nstring shop:stat:processed"),
    ),
    # faktory: storage/redis.go, storage/queue_redis.go
    "Faktory": (
        "Sidekiq, Resque or Faktory",
        keys("set queues\nlist default\nzset scheduled\nzset retries\nzset dead\nzset working"),
    ),
    # Hangfire.Redis.StackExchange: RedisWriteOnlyTransaction.cs
    "Hangfire": (
        "Sidekiq, Resque or Hangfire",
        keys("set {hangfire}:queues\nlist {hangfire}:queue:default\nzset {hangfire}:schedule\nhash {hangfire}:job:1"),
    ),
    # illuminate/queue 8.83.26: RedisQueue.php
    "Laravel": ("Laravel", keys("list queues:default\nlist queues:default:notify\nzset queues:default:delayed")),
    "Laravel, prefix, reserved only": ("Laravel", keys("zset laravel_database_queues:mail:reserved")),
    "Laravel in a cluster": (
        "Laravel",
        keys("list shop-database-queues:{mail}\nzset shop-database-queues:{mail}:delayed"),
    ),
    # laravel/horizon: src/Repositories/RedisJobRepository.php
    "Horizon": ("Laravel Horizon", keys("zset laravel_horizon:recent_jobs\nzset laravel_horizon:failed_jobs")),
    # top-think/think-queue: src/queue/connector/Redis.php
    "ThinkPHP": ("Laravel", keys("list {queues:mail}\nzset {queues:mail}:reserved")),
    # asynq: internal/base/base.go
    "Asynq": (
        "Asynq",
        keys("""
set asynq:queues
zset asynq:servers
hash asynq:{default}:t:5b1
list asynq:{default}:pending
zset asynq:{default}:lease
"""),
    ),
    # machinery: v1/brokers/redis/redis.go
    "Machinery": ("Machinery", keys("list machinery_tasks\nzset delayed_tasks")),
    # gocraft/work: redis.go
    "gocraft/work": (
        "gocraft/work",
        keys("set app:known_jobs\nlist app:jobs:mail\nlist app:jobs:mail:97c8:inprogress"),
    ),
    # adjust/rmq: redis_keys.go
    "rmq": ("rmq", keys("set rmq::queues\nlist rmq::queue::{mail}::ready\nset rmq::connections")),
    # yiisoft/yii2-queue: src/drivers/redis/Queue.php
    "Yii": ("Yii", keys("list queue.waiting\nzset queue.delayed\nhash queue.messages\nstring queue.message_id")),
    # hyperf: src/async-queue/src/Driver/ChannelConfig.php
    # redisson: RedissonDelayedQueue.java
    "Redisson, delayed queue": (
        "Redisson",
        keys("list redisson_delay_queue:{mail}\nzset redisson_delay_queue_timeout:{mail}\nlist mail"),
    ),
    # qless: lib/qless.lua
    "Qless": ("Qless", keys("zset ql:queues\nzset ql:q:mail-work\nzset ql:q:mail-locks\nhash ql:j:1")),
    # scrapy-redis: defaults.py
    "scrapy-redis": ("scrapy-redis", keys("zset shop:requests\nset shop:dupefilter\nlist shop:items")),
    "scrapy-redis, waiting": ("scrapy-redis", keys("list shop:start_urls")),
    # Beats: libbeat/outputs/redis
    "Filebeat": ("Beats or Logstash", keys("list filebeat")),
    "Hyperf": (
        "a queue of an unknown library",
        keys("list {queue}:waiting\nzset {queue}:delayed\nzset {queue}:reserved"),
    ),
}

QUEUES = {**WRITTEN, **FROM_SOURCE}

# What is no queue. Each line stands for a program that is common beside a cache.
INNOCENT = keys("""
string cache:page:1
string views:home
hash session:4f2909b216de7a0811131c3dbc69bb5d
string sess:abc
hash spring:session:sessions:1f71c40c-a329-48b6-9d2c-7835167beac1
set spring:session:expirations:1795727700000
string laravel_database_laravel_cache:user
set laravel_database_laravel_cache:tag:users:entries
zset tag:posts:entries
zset leaderboard
zset leaderboard:weekly
zset game:1:scores
zset timeline:17
list timeline:17:recent
list recent:searches
list LIMITS:LIMITER/a/b/10/1/minute
zset ratelimit:10.0.0.1
string ratelimit:10.0.0.1:count
set online:users
set posts:active
set posts:scheduled
zset user:6:failed
zset payments:completed
zset payments:failed
set orders:succeeded
set orders:failed
hash file:1:meta
hash user:17:meta
hash video:8:2:meta
hash bulletin:5:meta
stream orders:events
stream metrics
string queue:id
string user:5:id
list user:5:active
set queue
hash queues
string celery-task-meta-7f7e8f0d-804c-4884-a332-9e5c0e8b5f27
string lock:queues
zset trending
set company:job:types
set zc:ti:page
zset post:queue
zset topics:recent
hash b_api_settings
zset b_api_job_expirations
set flipper_features
set followers:17
list log
""")
