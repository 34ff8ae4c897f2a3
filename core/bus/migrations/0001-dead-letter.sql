-- Messages that a reader could not handle in all its attempts.
create table dead_letter (
  reader text not null,
  message_id uuid not null,
  message jsonb not null,
  error text not null,
  attempts int not null,
  failed_at timestamptz not null default now(),
  primary key (reader, message_id)
);
