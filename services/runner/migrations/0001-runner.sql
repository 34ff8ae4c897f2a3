create table environment (
  id bigint generated always as identity primary key,
  namespace text not null,
  name text not null,
  description text not null default '',
  auto_apply boolean not null default false,
  last_run_number int not null default 0,
  last_configuration_number int not null default 0,
  -- Set when an apply broke off and its result is unknown: no run starts until an operator has looked.
  held_by_run uuid,
  held_reason text,
  created_at timestamptz not null default now(),
  unique (namespace, name)
);

create table configuration (
  environment_id bigint not null references environment,
  number int not null,
  blob_key text not null,
  size_bytes bigint not null,
  sha256 text not null,
  files int not null,
  uploaded_by text not null,
  created_at timestamptz not null default now(),
  primary key (environment_id, number)
);

create table variable (
  environment_id bigint not null references environment,
  category text not null check (category in ('terraform', 'env')),
  key text not null,
  -- Sealed.
  value bytea not null,
  sensitive boolean not null,
  hcl boolean not null,
  updated_by text not null,
  updated_at timestamptz not null default now(),
  primary key (environment_id, category, key)
);

-- A Terraform variable bound to a reference.
create table input (
  environment_id bigint not null references environment,
  variable text not null,
  reference text not null,
  type text not null,
  region text not null,
  updated_by text not null,
  updated_at timestamptz not null default now(),
  primary key (environment_id, variable)
);

create table state_version (
  environment_id bigint not null references environment,
  number int not null,
  serial bigint not null,
  lineage text not null,
  md5 bytea not null,
  size_bytes bigint not null,
  -- Sealed.
  body bytea not null,
  run_id uuid,
  created_by text not null,
  created_at timestamptz not null default now(),
  primary key (environment_id, number)
);

create table state_lock (
  environment_id bigint primary key references environment,
  lock_id text not null,
  -- Terraform's LockInfo, as the holder sent it.
  info jsonb not null,
  run_id uuid,
  created_at timestamptz not null default now()
);

create table run (
  id uuid primary key,
  environment_id bigint not null references environment,
  number int not null,
  state text not null check (state in ('pending', 'planning', 'planned', 'planned_no_changes', 'confirmed', 'applying',
    'applied', 'errored', 'discarded', 'superseded', 'canceled')),
  cause jsonb not null,
  destroy boolean not null,
  message text not null default '',
  -- Set when the run is at the head of its environment's queue and a worker may take it.
  dispatched_at timestamptz,
  -- Counts the phases that were begun: a worker that was overtaken cannot report.
  attempt int not null default 0,
  token_hash bytea unique,
  -- Frozen when the plan starts; sealed where they hold values.
  configuration_number int,
  variables bytea,
  inputs jsonb not null default '[]',
  terraform jsonb,
  plan_key text,
  lock_file text,
  diff jsonb,
  has_changes boolean,
  error text,
  process jsonb,
  confirmed_by text,
  ended_by text,
  superseded_by uuid,
  cancel_requested_at timestamptz,
  force_cancel_requested_at timestamptz,
  idempotency_key text,
  created_by text not null,
  created_at timestamptz not null default now(),
  planning_at timestamptz,
  planned_at timestamptz,
  confirmed_at timestamptz,
  applying_at timestamptz,
  ended_at timestamptz,
  unique (environment_id, number),
  unique (environment_id, idempotency_key)
);
-- One run of an environment at a time, whoever dispatches.
create unique index run_at_the_head on run (environment_id)
  where dispatched_at is not null and state in ('pending', 'planning', 'planned', 'confirmed', 'applying');
create index run_waiting on run (environment_id, number) where dispatched_at is null and state = 'pending';

create table run_log (
  run_id uuid not null references run,
  seq int not null,
  phase text not null,
  text text not null,
  created_at timestamptz not null default now(),
  primary key (run_id, seq)
);
