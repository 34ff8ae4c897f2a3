-- An environment's interest in the versions of an artifact. source names what declared it: an input of the
-- environment, "input:web_ami".
create table subscription (
  id bigint generated always as identity primary key,
  environment text not null,
  artifact text not null,
  -- latest, or a channel
  channel text not null,
  -- Artifact type; empty for any.
  type text not null,
  source text not null,
  -- When the environment declared it: versions published before that are none of its business.
  since timestamptz not null,
  unique (environment, artifact, channel, type, source)
);
create index subscription_artifact on subscription (artifact, channel);

-- The newest announcement of each artifact and type, for subscriptions that are declared before it and arrive after.
create table announcement (
  artifact text not null,
  type text not null,
  event jsonb not null,
  time timestamptz not null,
  primary key (artifact, type)
);

-- Which announcements have caused a run of which environments: each pair once.
create table request (
  environment text not null,
  event_id uuid not null,
  requested_at timestamptz not null default now(),
  primary key (environment, event_id)
);
