/*
 * The protocol of contexts: claim, create or fork, activate, extend, execute, sleep, wake, terminate, sweep.
 *
 * One step is one SQL statement or transaction, or one thing that E2B does: each is atomic where it happens. Between any
 * two of them their process may die, and others may come. There are two clients, each of which is one request after the
 * other, and a sweep; what E2B and time do, they do by themselves (`world`).
 *
 * What is bounded: contexts ever claimed (ROWS), requests (REQUESTS), and FAULTS: each is one death of a process, one lost
 * answer, one error of E2B's, one lost sandbox, or one holder who is so slow that its lease runs out.
 *
 * README.md beside this file says what is left out, and what is taken for granted about time. What is in an #ifdef breaks
 * the protocol on purpose; mutations.ts tells what each is.
 */

#ifndef ROWS
#define ROWS 3
#endif
#ifndef REQUESTS
#define REQUESTS 3
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#define CLIENTS 2

/* Sets of rows, sandboxes: one byte is less state than an array. */
#define has(set, i) (((set) >> (i)) & 1)
#define put(set, i) set = set | (1 << (i))
#define drop(set, i) set = set & ~(1 << (i))
#if ROWS == 2
#define any(f) (f(0) || f(1))
#define no(f) (!f(0) && !f(1))
#define any_of(f, s) (f(0, s) || f(1, s))
#define any_in(f, p, x) (f(0, p, x) || f(1, p, x))
#elif ROWS == 3
#define any(f) (f(0) || f(1) || f(2))
#define no(f) (!f(0) && !f(1) && !f(2))
#define any_of(f, s) (f(0, s) || f(1, s) || f(2, s))
#define any_in(f, p, x) (f(0, p, x) || f(1, p, x) || f(2, p, x))
#else
#define any(f) (f(0) || f(1) || f(2) || f(3))
#define no(f) (!f(0) && !f(1) && !f(2) && !f(3))
#define any_of(f, s) (f(0, s) || f(1, s) || f(2, s) || f(3, s))
#define any_in(f, p, x) (f(0, p, x) || f(1, p, x) || f(2, p, x) || f(3, p, x))
#endif

/* ---- The database ---- */

#define NONE 0
#define CREATING 1
#define READY 2
#define ENDED 3
#define DELETED 4

byte rows;                /* how many have been claimed: the next one's id */
byte state[ROWS];
byte path_of[ROWS];
byte source_of[ROWS];     /* the context that it is to be forked from, + 1; 0: none */
byte lineage[ROWS];       /* the id of the context for which the first sandbox of its line was made */
byte sandbox_of[ROWS];    /* sandbox_id + 1; 0: none yet */
byte woken_by[ROWS];      /* the client who woke it, + 1, as long as nobody else has used it since */
byte in_lease;            /* the claims whose lease is not over */
byte holding;             /* the forks that hold their source still: its fork_until is the latest of theirs */
byte asleep;              /* the ready contexts past expires_at */
byte confirmed;           /* sandbox_killed_at is set */

byte begun[CLIENTS];      /* open_executions: the context in which the client's execution may run, + 1; 0: none */
byte left_open;           /* the same, of clients that have died: of which contexts */

/* ---- E2B ---- */

#define UNBORN 0
#define RUNNING 1
#define PAUSED 2
#define DEAD 3

/* A claim makes one sandbox at most, whose id is the claim's. */
byte sandbox[ROWS];
byte metadata[ROWS];      /* metadata.context_id */
byte runs[CLIENTS];       /* the sandbox in which the client's code runs, + 1 */
byte left_running;        /* the same, of clients that have died: in which sandboxes */

/* What E2B has been asked for a claim, or has answered to its holder. */
#define NOTHING 0
#define CREATE 1
#define FORK 2
#define MADE 3
#define REFUSED 4         /* in words that say that nothing was made */
#define UNSURE 5          /* a 5xx: nobody knows */
#define NO_SOURCE 6
byte asked[ROWS];

/* ---- Who is there ---- */

byte claim_of[CLIENTS];   /* the claim that the client holds, + 1 */
bit first_is_busy;
byte requests = REQUESTS;
byte faults = FAULTS;
byte doomed;              /* the orphan that the sweep has found, + 1 */

/* What a client's last statement said, until it has read it; then 0. */
#define REUSED 1
#define CLAIMED 2
#define NO_ROW 3
byte answer;

/* No part of the state: each is set where it is read, in the same step. */
hidden byte i, j, found, old;

#define is_active(r) (state[r] == CREATING || state[r] == READY)
#define is_alive(s) (sandbox[s] == RUNNING || sandbox[s] == PAUSED)
#define is_held(r) (claim_of[0] == (r) + 1 || claim_of[1] == (r) + 1)
#define is_pending(r) (asked[r] == CREATE || asked[r] == FORK)
#define runs_in(s) (runs[0] == (s) + 1 || runs[1] == (s) + 1 || has(left_running, s))
#define has_begun(r) (begun[0] == (r) + 1 || begun[1] == (r) + 1)

#ifdef WAITERS_COUNT
byte waiting[CLIENTS];    /* the path for whose context the client's execution waits, + 1 */
#define waits_for(r) (waiting[0] == path_of[r] + 1 || waiting[1] == path_of[r] + 1)
#else
#define waits_for(r) false
#endif
#define is_busy(r) (has_begun(r) || has(left_open, r) || waits_for(r))

/* fork_until > now */
#define is_hold(f, r) (has(holding, f) && source_of[f] == (r) + 1)
#define is_still(r) any_of(is_hold, r)

/* ---- What must be so at any time ---- */

/* The number tells spin.ts which one is broken. */
#define must(property, condition) assert((condition) || property == 0)
#define ONE_OWNER 1 /* a path has one active context at most */
#define ONE_SANDBOX 2 /* no sandbox belongs to two contexts */
#define OWN_SANDBOX 3 /* an execution runs in the sandbox of its path's context */
#define NO_CUT 4 /* nothing runs in a sandbox that is forked */
#define NO_KILL 5 /* nobody kills the sandbox of an active context */
#define NO_LOSS 6 /* no context ends as idle while an execution has begun in it */
#define NO_LEAK 7 /* in the end no sandbox lives that nobody owns, and no kill is owed */
#define NOT_STUCK 8 /* in the end each path may be claimed, and nothing is open */

#define own_one_path(a, b) (is_active(a) && is_active(b) && path_of[a] == path_of[b])
#define have_one_sandbox(a, b) (state[a] == READY && state[b] == READY && sandbox_of[a] == sandbox_of[b])

inline check_owners() {
  for (i : 0 .. ROWS - 2) {
    for (j : i + 1 .. ROWS - 1) {
      must(ONE_OWNER, !own_one_path(i, j));
      must(ONE_SANDBOX, !have_one_sandbox(i, j))
    }
  };
  skip
}

/* ---- What one statement, or E2B, does ---- */

inline break_down(s) {
  sandbox[s] = DEAD;
  metadata[s] = 0;
  drop(left_running, s);
  for (i : 0 .. CLIENTS - 1) {
    if
    :: runs[i] == (s) + 1 -> runs[i] = 0
    :: else
    fi
  };
  skip
}

/* By somebody of ours. */
inline kill(s) {
  for (i : 0 .. ROWS - 1) {
    must(NO_KILL, !(state[i] == READY && sandbox_of[i] == (s) + 1))
  };
  break_down(s)
}

inline end_row(r) {
  state[r] = ENDED;
  woken_by[r] = 0;
  drop(asleep, r);
  drop(in_lease, r)
}

/* The holder says that its own fork has come, or will not. The holds of others stay. */
inline let_go(r) {
#ifdef RELEASE_ALL
  for (i : 0 .. ROWS - 1) {
    if
    :: source_of[r] != 0 && source_of[i] == source_of[r] -> drop(holding, i)
    :: else
    fi
  };
#endif
#ifdef RELEASE_ENDED
  for (i : 0 .. ROWS - 1) {
    if
    :: source_of[r] != 0 && source_of[i] == source_of[r] && state[i] != CREATING -> drop(holding, i)
    :: else
    fi
  };
#endif
  drop(holding, r);
  source_of[r] = 0
}

inline find_active(p) {
  found = ROWS;
  for (i : 0 .. ROWS - 1) {
    if
    :: is_active(i) && path_of[i] == p -> found = i
    :: else
    fi
  };
  skip
}

#define fork_comes_first(r, x) (x && is_still(r))
#ifdef EXECUTION_LOOKS_FIRST
/* What it saw a statement ago. */
#define must_wait(r, x) (x && !has_looked)
#elif defined(WAKE_IGNORES_HOLD)
#define must_wait(r, x) (fork_comes_first(r, x) && !has(asleep, r))
#else
#define must_wait(r, x) fork_comes_first(r, x)
#endif
#define is_told_to_wait(r, p, x) (is_active(r) && path_of[r] == (p) && \
  ((state[r] == CREATING && has(in_lease, r)) || (state[r] == READY && must_wait(r, x))))
#define waits(p, x) any_in(is_told_to_wait, p, x)

inline touch(r) {
  woken_by[r] = (has(asleep, r) -> me + 1 : 0);
  drop(asleep, r)
}

/* Where it is not told to wait: touches the path's context, or begins a new one. */
inline claim() {
  find_active(path);
  if
  :: found < ROWS && state[found] == READY ->
    row = found;
    box = sandbox_of[row] - 1;
#ifdef RELEASE_WAKE_BLINDLY
    woke = has(asleep, row);
#endif
    touch(row);
    answer = REUSED
  :: else ->
    if
    :: found < ROWS -> end_row(found)
    :: else
    fi;
    if
    :: rows == ROWS -> answer = NO_ROW
    :: else ->
      row = rows;
      rows++;
      state[row] = CREATING;
      path_of[row] = path;
      lineage[row] = row;
      put(in_lease, row);
      claim_of[me] = row + 1;
      answer = CLAIMED;
      if
      :: branches ->
        find_active(1 - path);
        if
        :: found < ROWS && state[found] == READY ->
          source_of[row] = found + 1;
          lineage[row] = lineage[found];
          put(holding, row);
          touch(found)
        :: else
        fi
      :: else
      fi
    fi
  fi;
  begun[me] = (executes && answer != NO_ROW -> row + 1 : 0);
#ifdef WAITERS_COUNT
  waiting[me] = 0;
#endif
  check_owners()
}

inline activate() {
  if
#ifdef NO_FENCE
  :: true ->
#else
  :: state[row] == CREATING ->
#endif
    state[row] = READY;
    drop(in_lease, row);
    sandbox_of[row] = row + 1;
    let_go(row);
    claim_of[me] = 0;
    check_owners();
    answer = CLAIMED
  :: else -> answer = NO_ROW
  fi
}

/* One step with the claim: who dies before leaves what one leaves whose request never came to E2B. */
inline ask_to_create() {
  asked[row] = CREATE;
  /* Not the claim's id: it may have been to become a fork. */
#ifdef OWN_METADATA
  metadata[row] = row
#else
  metadata[row] = lineage[row]
#endif
}

inline end_request() {
  first_is_busy = (me == 0 -> 0 : first_is_busy);
  row = 0;
  box = 0;
  path = 0;
  executes = 0;
  branches = 0;
  begun[me] = 0;
  claim_of[me] = 0
}

/* Ends the holder's own claim. Not is_sure: what E2B was asked for it may yet do. */
inline fail(is_sure) {
  if
  :: state[row] == CREATING -> end_row(row)
  :: else
  fi;
  if
  :: is_sure -> let_go(row)
#ifdef LET_GO_UNSURE
  :: else -> drop(holding, row)
#else
  :: else
#endif
  fi;
  if
  :: is_pending(row)
  :: else -> asked[row] = NOTHING
  fi;
  end_request()
}

/* E2B does not know the sandbox any more. */
inline lose(r, s) {
  if
  :: state[r] == READY && sandbox_of[r] == (s) + 1 ->
    end_row(r);
    put(confirmed, r)
  :: else
  fi
}

/* Gives back a wake that failed, unless somebody else has used the context since. */
inline release_wake(r) {
  if
#ifdef RELEASE_WAKE_BLINDLY
  :: woke && state[r] == READY ->
#else
  :: woken_by[r] == me + 1 ->
#endif
    woken_by[r] = 0;
    put(asleep, r)
  :: else
  fi
}

/* The process dies. What it has asked for goes on. */
inline die() {
  faults--;
  if
  :: begun[me] != 0 -> put(left_open, begun[me] - 1)
  :: else
  fi;
  if
  :: runs[me] != 0 -> put(left_running, runs[me] - 1)
  :: else
  fi;
  runs[me] = 0;
  if
  :: claim_of[me] != 0 && !is_pending(claim_of[me] - 1) -> asked[claim_of[me] - 1] = NOTHING
  :: else
  fi;
#ifdef WAITERS_COUNT
  waiting[me] = 0;
#endif
  end_request()
}

#define OR_DIES :: atomic { faults > 0 -> d_step { die() }; goto end_idle }

/* The clients are alike: where both are idle, it is the first one that begins. */
#define may_come (requests > 0 && (me == 0 || first_is_busy))
#if defined(WAITERS_COUNT)
#define REQUEST(p, x, b) \
  :: atomic { may_come -> \
      d_step { come(); path = p; executes = x; branches = b; waiting[me] = (x && waits(p, x) -> p + 1 : 0) }; \
      goto acquire }
#elif defined(EXECUTION_LOOKS_FIRST)
#define is_held_still(r, p, x) (state[r] == READY && path_of[r] == (p) && fork_comes_first(r, x))
#define REQUEST(p, x, b) \
  :: atomic { may_come -> d_step { come(); path = p; executes = x; branches = b; has_looked = 0 }; goto acquire }
#else
#define REQUEST(p, x, b) \
  :: atomic { may_come && may_be_at(p) && !waits(p, x) -> \
      d_step { come(); path = p; executes = x; branches = b }; \
      goto claim_now }
/*
 * The paths are alike, too: where nothing was claimed yet, it is the first one that is. Then nobody is busy, as a request
 * claims in the step in which it comes; not so in the two above.
 */
#define may_be_at(p) (rows > 0 || (p) == 0)
#endif
inline come() {
  requests--;
  first_is_busy = (me == 0 -> 1 : first_is_busy)
}

#define is_at(r, p) (is_active(r) && path_of[r] == (p))
#define any_at(p) any_of(is_at, p)

proctype client(bit me) {
  bit path, executes, branches;
  byte row, box;
#ifdef RELEASE_WAKE_BLINDLY
  bit woke;
#endif
#ifdef EXECUTION_LOOKS_FIRST
  bit has_looked;
#endif

end_idle:
  /* To choose and to claim are one step: whoever waits is nobody's business. */
  if
  REQUEST(0, 0, 0)
  REQUEST(0, 0, 1)
  REQUEST(0, 1, 0)
  REQUEST(0, 1, 1)
  REQUEST(1, 0, 0)
  REQUEST(1, 0, 1)
  REQUEST(1, 1, 0)
  REQUEST(1, 1, 1)
  :: atomic { may_come && any_at(0) -> path = 0; goto terminate }
  :: atomic { may_come && any_at(1) -> path = 1; goto terminate }
  fi;

acquire:
#ifdef EXECUTION_LOOKS_FIRST
  if
  :: atomic { any_in(is_held_still, path, executes) && begun[me] != 0 -> begun[me] = 0; goto acquire }
  :: atomic { !any_in(is_held_still, path, executes) -> has_looked = 1 }
  OR_DIES
  fi;
#endif
  if
#ifndef ASKS_AGAIN_IN_LINE
  /* It had begun, and asks again because the answer was lost, or its sandbox was: now it waits, and is in nobody's way. */
  :: atomic { waits(path, executes) && begun[me] != 0 -> begun[me] = 0; goto acquire }
#endif
  :: atomic {
      !waits(path, executes) ->
claim_now:
      skip;
      d_step { claim() };
      if
      /* An acquire of what is awake and there does nothing. */
      :: answer == REUSED && !executes && woken_by[row] == 0 && is_alive(box) ->
        answer = 0;
        d_step { end_request() };
        goto end_idle
      :: answer == REUSED && (executes || woken_by[row] != 0 || !is_alive(box)) -> answer = 0; goto use
      :: answer == CLAIMED ->
        answer = 0;
        if
        :: source_of[row] != 0 -> goto ask
        :: else -> d_step { ask_to_create() }; goto made
        fi
      :: answer == NO_ROW -> answer = 0; d_step { end_request() }; goto end_idle
      fi
    }
  OR_DIES
  fi;

  /* ---- A claim in hand ---- */

#define source (source_of[row] - 1)
#define is_running (state[row] == CREATING && state[source] == READY && is_busy(source))

  /* Renews the lease and the hold, and asks whether the source is still. */
ask:
  if
#ifndef NO_WAIT
  :: atomic { is_running && !(has(in_lease, row) && has(holding, row)) ->
      d_step { put(in_lease, row); put(holding, row) };
      goto ask
    }
  :: atomic { !is_running ->
#else
  :: atomic { true ->
#endif
      if
      /* Fenced off. */
      :: state[row] != CREATING -> d_step { let_go(row); end_request() }; goto end_idle
      :: state[row] == CREATING && state[source] != READY ->
        d_step { let_go(row); put(in_lease, row); ask_to_create() };
        goto made
      :: else -> d_step { put(in_lease, row); put(holding, row); box = sandbox_of[source] - 1 }; goto wake_source
      fi
    }
  OR_DIES
  fi;

wake_source:
  if
  :: atomic { sandbox[box] != DEAD -> d_step { sandbox[box] = RUNNING; woken_by[source] = 0 }; goto fork }
  :: atomic { sandbox[box] == DEAD -> d_step { lose(source, box) }; goto ask }
  :: atomic { faults > 0 -> d_step { faults--; release_wake(source); fail(true) }; goto end_idle }
  OR_DIES
  fi;

  /* By the holder's own clock: it began to ask less than a lease ago. */
fork:
  if
#ifdef NO_CLOCK
  :: atomic { true -> asked[row] = FORK; goto made }
#else
  :: atomic { has(holding, row) -> asked[row] = FORK; goto made }
  :: atomic { !has(holding, row) -> goto ask }
#endif
  OR_DIES
  fi;

made:
  if
  :: atomic { asked[row] == MADE -> asked[row] = NOTHING; goto activation }
  :: atomic { asked[row] == NO_SOURCE -> d_step { asked[row] = NOTHING; lose(source, box) }; goto ask }
  :: atomic { asked[row] == REFUSED -> d_step { fail(true) }; goto end_idle }
  :: atomic { asked[row] == UNSURE -> d_step { fail(false) }; goto end_idle }
  /* The answer is lost, or does not come in time. */
  :: atomic { faults > 0 -> d_step { faults--; fail(false) }; goto end_idle }
  OR_DIES
  fi;

activation:
  if
  :: atomic {
      d_step { activate() };
      if
      :: answer == CLAIMED -> answer = 0; box = row; goto use
      :: answer == NO_ROW -> answer = 0; goto kill_own
      fi
    }
  OR_DIES
  fi;

kill_own:
  if
  :: atomic { d_step { let_go(row); kill(row); end_request() }; goto end_idle }
  OR_DIES
  fi;

  /* ---- A ready context ---- */

  /* Extends, and wakes; and sends the code, if there is any: nothing else can come in between but the sandbox's end. */
use:
  if
  :: atomic {
      is_alive(box) ->
      d_step {
        sandbox[box] = RUNNING;
        if
        :: woken_by[row] == me + 1 -> woken_by[row] = 0
        :: else
        fi
      };
      if
      :: executes ->
        runs[me] = box + 1;
        must(OWN_SANDBOX, state[box] != DELETED && path_of[box] == path && (state[row] != READY || sandbox_of[row] == box + 1))
      :: else -> d_step { end_request() }; goto end_idle
      fi
    }
  :: atomic { sandbox[box] == DEAD -> d_step { lose(row, box); row = 0; box = 0 }; goto acquire }
  :: atomic { faults > 0 -> d_step { faults--; release_wake(row); end_request() }; goto end_idle }
  /* The claim's answer was lost: it asks again. */
  :: atomic { faults > 0 && executes && claim_of[me] == 0 -> faults--; goto acquire }
  OR_DIES
  fi;

  /* Its end, or its sandbox's, is noted: who dies in between leaves what one leaves who dies before. */
  if
  :: atomic { d_step { runs[me] = 0; end_request() }; goto end_idle }
  OR_DIES
  fi;

  /* ---- Mark, kill, confirm ---- */

  atomic {
    false;
terminate:
    skip;
    d_step { find_active(path); row = found; come() };
#ifdef KILL_FIRST
    if
    :: state[row] == READY && is_alive(sandbox_of[row] - 1) -> d_step { kill(sandbox_of[row] - 1) }
    :: else
    fi
  };
  atomic {
#endif
    if
    :: is_active(row) -> d_step { end_row(row) }
    :: else
    fi;
    if
    :: sandbox_of[row] == 0 -> d_step { end_request() }; goto end_idle
    :: else -> box = sandbox_of[row] - 1
    fi
  };
  if
  :: atomic { d_step { kill(box) } }
  OR_DIES
  fi;
  if
  :: atomic { d_step { put(confirmed, row); end_request() }; goto end_idle }
  OR_DIES
  fi
}

/* ---- The sweep ---- */

#define is_due(r) ((state[r] == CREATING && !has(in_lease, r)) || (state[r] == READY && has(asleep, r)))
#define is_owed(r) (state[r] == ENDED && sandbox_of[r] != 0 && !has(confirmed, r))

#define is_there(r) (state[r] != NONE && state[r] != DELETED)
/* A row tells that the sandbox is of a claim of ours. */
#ifdef OURS_BY_ID
#define knows(r, s) (is_there(r) && (r) == metadata[s])
#else
#define knows(r, s) (is_there(r) && ((r) == metadata[s] || lineage[r] == metadata[s]))
#endif
#define owns(r, s) (sandbox_of[r] == (s) + 1 && (state[r] == READY || is_owed(r)))
#ifdef ORPHAN_BY_LEASE
#define may_have_made(r, s) (state[r] == CREATING && lineage[r] == metadata[s] && has(in_lease, r))
#else
#define may_have_made(r, s) (state[r] == CREATING && lineage[r] == metadata[s])
#endif
#ifdef TRUST_METADATA
#define is_orphan(s) (is_alive(s) && state[metadata[s]] == ENDED)
#else
#define is_orphan(s) (is_alive(s) && any_of(knows, s) && !any_of(owns, s) && !any_of(may_have_made, s))
#endif

/* A failed claim that nothing can come of any more. */
#define is_quiet(r) (state[r] == ENDED && sandbox_of[r] == 0 && !is_held(r) && !is_pending(r) && !has(holding, r))
/* A sweep has been through E2B's list since, and has left no orphan there. In a week, one has in any case. */
#define has_been_walked (doomed == 0 && no(is_orphan))
#ifdef DELETE_EARLY
#define may_be_deleted(r) is_quiet(r)
#else
#define may_be_deleted(r) ((is_quiet(r) || (state[r] == ENDED && has(confirmed, r))) && has_been_walked)
#endif

/*
 * What it does with one row, or sandbox. To find an orphan and to kill it are two steps. To kill what is owed and to
 * confirm it are one: who dies in between leaves it to the next sweep, which kills what is dead.
 */
#define SWEEPS(r) \
  :: d_step { is_due(r) -> must(NO_LOSS, state[r] != READY || !has_begun(r)); end_row(r) } \
  :: d_step { is_owed(r) -> kill(sandbox_of[r] - 1); put(confirmed, r) } \
  :: d_step { doomed == 0 && is_orphan(r) -> doomed = r + 1 }

proctype sweep() {
end:
  do
  SWEEPS(0)
  SWEEPS(1)
#if ROWS > 2
  SWEEPS(2)
#endif
#if ROWS > 3
  SWEEPS(3)
#endif
  :: d_step { doomed != 0 ->
      kill(doomed - 1);
      doomed = 0
    }
  /* Time passes, and the clean-up comes by. */
  :: d_step { any(may_be_deleted) ->
      for (i : 0 .. ROWS - 1) {
        if
        :: may_be_deleted(i) -> put(old, i)
        :: else
        fi
      };
      for (i : 0 .. ROWS - 1) {
        if
        :: has(old, i) ->
          state[i] = DELETED;
          path_of[i] = 0;
          lineage[i] = 0
        :: else
        fi
      };
      old = 0
    }
  od
}

/* ---- What happens by itself ---- */

#define lease_may_end(r) ((has(in_lease, r) || has(holding, r)) && asked[r] != FORK)
#define keeps_awake(r, s) (state[r] == READY && sandbox_of[r] == (s) + 1 && !has(asleep, r))
#define is_wanted(r, s) ((state[r] == READY && sandbox_of[r] == (s) + 1) || (state[r] == CREATING && (r) == (s)))
#define source_row(r) (source_of[r] - 1)
#define source_box(r) (sandbox_of[source_row(r)] - 1)
#define source_is(r, condition) (sandbox[source_box(r)] == condition)

inline tell(r, what) {
  asked[r] = (is_held(r) -> what : NOTHING)
}

/*
 * What time, E2B and the clean-up do with one row, or sandbox:
 * - a lease runs out, because nobody is there, or who is there is slow; what E2B was asked within it comes before;
 * - a context falls asleep, when no execution holds it awake, and then E2B may pause it; one on probation it may, too;
 * - what the dead have left is over: first what runs, then what is open;
 * - E2B makes a sandbox, forks one, refuses, does not come to it, breaks down over a fork, loses a sandbox.
 */
#define EVENTS(r) \
  :: d_step { lease_may_end(r) && !is_held(r) -> drop(in_lease, r); drop(holding, r); source_of[r] = 0 } \
  :: d_step { lease_may_end(r) && is_held(r) && faults > 0 -> faults--; drop(in_lease, r); drop(holding, r) } \
  :: d_step { state[r] == READY && !has(asleep, r) && !has_begun(r) && !waits_for(r) -> \
      put(asleep, r); \
      woken_by[r] = 0 } \
  :: d_step { sandbox[r] == RUNNING && !runs_in(r) && any_of(is_wanted, r) && !any_of(keeps_awake, r) -> \
      sandbox[r] = PAUSED } \
  :: d_step { has(left_running, r) -> drop(left_running, r) } \
  :: d_step { has(left_open, r) && (sandbox_of[r] == 0 || !has(left_running, sandbox_of[r] - 1)) -> drop(left_open, r) } \
  :: d_step { asked[r] == CREATE -> sandbox[r] = RUNNING; tell(r, MADE) } \
  :: d_step { is_pending(r) && is_held(r) && faults > 0 -> faults--; asked[r] = REFUSED } \
  :: d_step { is_pending(r) && !is_held(r) -> asked[r] = NOTHING } \
  :: d_step { asked[r] == FORK && source_is(r, RUNNING) -> \
      must(NO_CUT, !runs_in(source_box(r))); \
      sandbox[r] = RUNNING; \
      metadata[r] = metadata[source_box(r)]; \
      tell(r, MADE) } \
  :: d_step { asked[r] == FORK && source_is(r, RUNNING) && faults > 0 -> \
      faults--; \
      break_down(source_box(r)); \
      tell(r, UNSURE) } \
  :: d_step { asked[r] == FORK && source_is(r, PAUSED) -> tell(r, REFUSED) } \
  :: d_step { asked[r] == FORK && source_is(r, DEAD) -> tell(r, NO_SOURCE) } \
  :: d_step { is_alive(r) && any_of(is_wanted, r) && faults > 0 -> faults--; break_down(r) }

proctype world() {
end:
  do
  EVENTS(0)
  EVENTS(1)
#if ROWS > 2
  EVENTS(2)
#endif
#if ROWS > 3
  EVENTS(3)
#endif
  od
}

/* ---- Where it begins, and what must be so when nothing can happen any more ---- */

inline be_ready(r, p, line) {
  rows++;
  state[r] = READY;
  path_of[r] = p;
  lineage[r] = line;
  sandbox_of[r] = r + 1;
  sandbox[r] = RUNNING;
  metadata[r] = line
}

init {
  atomic {
    /* Nothing is there; or one path has its context; or the other one has a fork of it, too. */
    if
    :: skip
    :: d_step { be_ready(0, 0, 0) }
    :: d_step { be_ready(0, 0, 0); be_ready(1, 1, 0) }
    fi;
    run world();
    run sweep();
    run client(0);
    run client(1)
  };
  /* A client who is not idle by now is stuck, which is an invalid end state. */
  timeout ->
  d_step {
    must(NOT_STUCK, left_open == 0 && left_running == 0);
    for (i : 0 .. ROWS - 1) {
      must(NOT_STUCK, !is_active(i));
      must(NO_LEAK, !is_alive(i) && !is_owed(i))
    };
    skip
  }
}
