/** Connections, and two ways to load the database with them: as fast as it goes, and at a steady pace. */
import postgres from "postgres";

/** One operation on the path of this number. */
export type Operation = (sql: postgres.Sql, path: number) => Promise<unknown>;

export interface Load extends AsyncDisposable {
  /** One session each. */
  readonly sessions: readonly postgres.Sql[];
}

/** The active paths that all operations choose from. */
export const PATHS = 200;

const SESSIONS = 8;

/**
 * Operations in flight a session. Each is a transaction of its own, and the server answers them one after the other;
 * without a queue it would wait for this process most of the time, and every ratio would lie towards 1.
 */
const QUEUE = 8;

/** Opens the sessions. */
export async function connect(url: string): Promise<Load> {
  const sessions = Array.from({ length: SESSIONS }, () => open(url));
  await Promise.all(sessions.map((sql) => sql`select`));
  return {
    sessions,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(sessions.map((sql) => sql.end({ timeout: 5 })));
    },
  };
}

/** Runs `work` on a session that is closed after it. */
export async function withConnection<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = open(url);
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** Operations a second when every session's queue is always full. */
export async function perSecond({ sessions }: Load, operation: Operation, milliseconds = 1000): Promise<number> {
  let count = 0;
  const started = performance.now();
  const end = started + milliseconds;
  const keepBusy = async (sql: postgres.Sql) => {
    while (performance.now() < end) {
      await operation(sql, anyPath());
      count++;
    }
  };
  await Promise.all(sessions.flatMap((sql) => Array.from({ length: QUEUE }, () => keepBusy(sql))));
  return count * 1000 / (performance.now() - started);
}

/** What each operation took, in milliseconds, when a session begins one every `interval` until `isOver`. */
export async function latencies(
  sql: postgres.Sql,
  operation: Operation,
  interval: number,
  isOver: () => boolean,
): Promise<number[]> {
  const taken: number[] = [];
  while (!isOver()) {
    const started = performance.now();
    await operation(sql, anyPath());
    const milliseconds = performance.now() - started;
    taken.push(milliseconds);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, interval - milliseconds)));
  }
  return taken;
}

function open(url: string): postgres.Sql {
  return postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
}

function anyPath(): number {
  return 1 + Math.floor(Math.random() * PATHS);
}
