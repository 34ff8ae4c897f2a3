-- Time-ordered ids (RFC 9562 version 7, sub-millisecond fraction in rand_a): two calls one after the other, as under
-- a row lock, sort in that order.
create function uuid_v7() returns uuid language sql volatile as $$
  select encode(
    set_byte(set_byte(
      substring(int8send((micros / 1000)::bigint) from 3)
        || substring(int4send((((micros % 1000) * 4096 / 1000)::int)) from 3)
        || substring(uuid_send(gen_random_uuid()) from 9 for 8),
      6, 112 | (((micros % 1000) * 4096 / 1000)::int >> 8)),
      8, 128 | (get_byte(uuid_send(gen_random_uuid()), 0) & 63)),
    'hex')::uuid
  from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as micros) as clock
$$;

-- Facts that this service has made true and announces. A row is kept after it is published, for replay.
create table outbox (
  seq bigint generated always as identity primary key,
  id uuid not null unique default uuid_v7(),
  type text not null,
  subject text not null,
  time timestamptz not null default clock_timestamp(),
  data jsonb not null,
  published_at timestamptz
);
create index outbox_unpublished on outbox (seq) where published_at is null;

-- Messages that this service has taken effect of, each once.
create table inbox (
  id uuid primary key,
  type text not null,
  received_at timestamptz not null default now()
);
