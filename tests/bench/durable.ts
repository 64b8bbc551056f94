/** A Postgres that is as durable as in production. What would run at a moment of its own choosing does not run by itself. */
export const DURABLE = {
  fsync: "on",
  synchronous_commit: "on",
  autovacuum: "off",
  checkpoint_timeout: "1h",
  max_wal_size: "16GB",
};
