/**
 * For a small machine that PostgreSQL shares with Ingot. Given on the command line, so that a new release of Ingot
 * brings its own and nobody edits a file of ours; whoever tunes runs a server of their own.
 */
export function serverSettings(port: number): Record<string, string | number> {
  return {
    // TCP on the loopback interface: a socket file's path may hold 107 bytes and needs a directory that both uids enter.
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    max_connections: 100,
    shared_buffers: "64MB",
    max_wal_size: "256MB",
    jit: "off",
    // One process less each; asynchronous reads gain little on data that fits in memory.
    io_method: "sync",
    max_logical_replication_workers: 0,
    log_min_messages: "warning",
    log_checkpoints: "off",
    // Without the DETAIL line, which quotes the row that violates a constraint.
    log_error_verbosity: "terse",
    log_timezone: "UTC",
    timezone: "UTC",
  };
}
