create table namespace (
  name text primary key,
  created_at timestamptz not null default now()
);

create table token (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  hash bytea not null unique,
  grants jsonb not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz
);

-- last_number is the counter of versions: whoever allocates holds this row's lock.
create table artifact (
  id bigint generated always as identity primary key,
  namespace text not null references namespace,
  name text not null,
  description text not null default '',
  last_number int not null default 0,
  created_at timestamptz not null default now(),
  unique (namespace, name)
) with (fillfactor = 50);

create table version (
  artifact_id bigint not null references artifact,
  number int not null,
  -- ATLAS_BUILD_ID of the builder; 0 outside of one.
  build_number bigint not null default 0,
  created_at timestamptz not null,
  primary key (artifact_id, number)
);
create index version_build_number on version (artifact_id, build_number, number) where build_number <> 0;

create table build (
  id uuid primary key,
  artifact_id bigint not null,
  number int not null,
  type text not null,
  external_id text not null,
  metadata jsonb not null,
  compile_number bigint not null default 0,
  published_by text not null,
  created_at timestamptz not null,
  -- Set when the build is whole and visible: at once, or when its file has arrived.
  published_at timestamptz,
  idempotency_key text,
  has_file boolean not null,
  upload_hash bytea unique,
  file_key text,
  file_size bigint,
  file_sha256 text,
  foreign key (artifact_id, number) references version,
  unique (artifact_id, number, type),
  unique (artifact_id, idempotency_key),
  check ((file_key is not null) = (has_file and published_at is not null))
);
-- latest of a type, and of any type, is the first row of a backward scan.
create index build_visible_by_type on build (artifact_id, type, number desc) where published_at is not null;
create index build_visible on build (artifact_id, number desc) where published_at is not null;
create index build_metadata on build using gin (metadata jsonb_path_ops);

-- Publishes builds in one statement, whether one or a batch: one round trip and one commit. Artifacts are locked in
-- the order of their names, so that two batches cannot wait for each other. A build whose id is there already, after
-- a retry of the caller, or whose idempotency key is, is answered and not published again.
create function publish_builds(items jsonb)
returns table (ordinal int, build_id uuid, version_number int, replayed boolean) language plpgsql as $$
declare
  item record;
  home artifact;
  existing build;
  instant timestamptz;
begin
  for item in
    select position::int as ordinal, given.* from rows from (jsonb_to_recordset(items) as (
      id uuid, namespace text, name text, type text, external_id text, metadata jsonb, build_number bigint,
      compile_number bigint, published_by text, idempotency_key text, has_file boolean, upload_hash text, event jsonb
    )) with ordinality as given (
      id, namespace, name, type, external_id, metadata, build_number, compile_number, published_by, idempotency_key,
      has_file, upload_hash, event, position
    )
    order by given.namespace collate "C", given.name collate "C", position
  loop
    insert into namespace (name) values (item.namespace) on conflict do nothing;
    insert into artifact (namespace, name) values (item.namespace, item.name) on conflict do nothing;
    select * into home from artifact a where a.namespace = item.namespace and a.name = item.name for update;
    instant := clock_timestamp();
    ordinal := item.ordinal;

    select * into existing from build b
      where b.id = item.id or (b.artifact_id = home.id and b.idempotency_key = item.idempotency_key);
    if found then
      build_id := existing.id;
      version_number := existing.number;
      replayed := true;
      return next;
      continue;
    end if;

    version_number := null;
    if item.build_number <> 0 then
      select v.number into version_number from version v
        where v.artifact_id = home.id and v.build_number = item.build_number
          and not exists (select from build b where b.artifact_id = home.id and b.number = v.number and b.type = item.type)
        order by v.number desc limit 1;
    end if;
    if version_number is null then
      update artifact set last_number = last_number + 1 where id = home.id returning last_number into version_number;
      insert into version (artifact_id, number, build_number, created_at)
        values (home.id, version_number, item.build_number, instant);
    end if;

    insert into build (id, artifact_id, number, type, external_id, metadata, compile_number, published_by, created_at,
        published_at, idempotency_key, has_file, upload_hash)
      values (item.id, home.id, version_number, item.type, item.external_id, item.metadata, item.compile_number,
        item.published_by, instant, case when item.has_file then null else instant end, item.idempotency_key,
        item.has_file, decode(item.upload_hash, 'hex'));
    if not item.has_file then
      insert into outbox (type, subject, data) values (
        'artifact.version.published', item.namespace || '/' || item.name,
        item.event || jsonb_build_object('version', version_number,
          'publishedAt', to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
    end if;
    build_id := item.id;
    replayed := false;
    return next;
  end loop;
end
$$;
