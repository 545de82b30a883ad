"""The SQL of the books; `postgres_books` says what must hold."""

LEAD = """
    INSERT INTO dispatch_listeners AS l (account_id, epoch, stream_ready) VALUES (%s, 1, false)
    ON CONFLICT (account_id) DO UPDATE SET epoch = l.epoch + 1, stream_ready = false, beat_at = now()
    RETURNING epoch
"""
BEAT = """
    UPDATE dispatch_listeners
    SET stream_at = CASE WHEN stream_ready THEN stream_at ELSE now() END, stream_ready = %s, beat_at = now()
    WHERE account_id = %s AND epoch = %s
"""
READ = """
    SELECT version, baseline_at, cash_usd, fills_since, pass_at, suspects, clock_timestamp()
    FROM dispatch_reconciliation WHERE account_id = %s
"""
POSITIONS = (
    "SELECT symbol, venue_quantity FROM dispatch_positions WHERE account_id = %s AND venue_quantity <> 0"
)
EXPECTED = """
    SELECT event_id, kind, symbol, expects, expects_usd, venue_at FROM dispatch_venue_events
    WHERE account_id = %s AND expects <> 0 ORDER BY venue_at, event_id
"""
KNOWN = "SELECT event_id FROM dispatch_venue_events WHERE account_id = %s AND event_id = ANY(%s)"
OWNERS = "SELECT venue_order_id, order_id FROM dispatch_attempts WHERE venue_order_id = ANY(%s)"
OWNER_OF = "SELECT order_id FROM dispatch_attempts WHERE client_order_id = %s"
FOREIGN = (
    "SELECT venue_order_id FROM dispatch_foreign_orders WHERE account_id = %s AND venue_order_id = ANY(%s)"
)
FILLED_SINCE = """
    SELECT client_order_id, filled_contracts, taken FROM dispatch_own_fills
    WHERE client_order_id IN (
        SELECT client_order_id FROM dispatch_executions WHERE simulated_ts >= %s AND filled_contracts > 0
    ) AND account_id = %s
"""
OWN = """
    SELECT client_order_id, filled_contracts, taken FROM dispatch_own_fills
    WHERE client_order_id = ANY(%s) AND account_id = %s
"""
BEGIN = """
    INSERT INTO dispatch_reconciliation
        (account_id, version, baseline_at, cash_usd, fills_since, pass_at, pass_epoch, pass_ms, clean_at, clean_epoch)
    SELECT account_id, 1, %(now)s, %(cash_usd)s, %(fills_since)s, %(read_at)s, epoch, %(pass_ms)s, %(read_at)s, epoch
    FROM dispatch_listeners WHERE account_id = %(account_id)s AND epoch = %(epoch)s
    ON CONFLICT DO NOTHING
"""
QUANTITIES = "SELECT symbol, quantity FROM dispatch_positions WHERE account_id = %s"
# What the ledger holds becomes what the venue has, and keeps what was filled since it was read.
FIRST_POSITIONS = """
    INSERT INTO dispatch_positions AS p (account_id, symbol, quantity, venue_quantity)
    SELECT %(account_id)s, f.key, (f.value ->> 1)::numeric, (f.value ->> 0)::numeric
    FROM jsonb_each(%(positions)s::jsonb) AS f ORDER BY f.key
    ON CONFLICT (account_id, symbol) DO UPDATE
    SET quantity = p.quantity + excluded.quantity, venue_quantity = excluded.venue_quantity, updated_at = now()
"""
LOCK = """
    SELECT r.version FROM dispatch_reconciliation r JOIN dispatch_listeners l USING (account_id)
    WHERE r.account_id = %s AND l.epoch = %s FOR UPDATE OF r
"""
TAKE = """
    WITH taken AS (
        INSERT INTO dispatch_venue_events
            (account_id, event_id, kind, symbol, quantity, cash_usd, venue_order_id, client_order_id, order_contracts,
             expects, expects_usd, note, venue_at)
        SELECT %(account_id)s, e.*
        FROM jsonb_to_recordset(%(events)s::jsonb) AS e
            (event_id text, kind text, symbol text, quantity numeric, cash_usd numeric, venue_order_id text,
             client_order_id text, order_contracts numeric, expects numeric, expects_usd numeric, note text,
             venue_at timestamptz)
        ON CONFLICT DO NOTHING
        RETURNING symbol, quantity, cash_usd, kind
    ), moved AS (
        INSERT INTO dispatch_positions AS p (account_id, symbol, quantity, venue_quantity)
        SELECT %(account_id)s, symbol, sum(CASE WHEN kind = 'FILL' THEN 0 ELSE quantity END), sum(quantity)
        FROM taken WHERE symbol IS NOT NULL AND quantity <> 0 GROUP BY symbol ORDER BY symbol
        ON CONFLICT (account_id, symbol) DO UPDATE
        SET quantity = p.quantity + excluded.quantity, venue_quantity = p.venue_quantity + excluded.venue_quantity,
            updated_at = now()
    )
    SELECT coalesce(sum(cash_usd), 0) FROM taken
"""
CONFIRM = """
    UPDATE dispatch_venue_events SET expects = expects + %s, expects_usd = expects_usd + %s
    WHERE account_id = %s AND event_id = %s
"""
ADOPT = """
    INSERT INTO dispatch_foreign_orders AS f
        (account_id, venue_order_id, client_order_id, symbol, side, contracts, status)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (account_id, venue_order_id) DO UPDATE SET status = excluded.status
"""
# A pass is as old as what it read: one that began before the stream was up says nothing of the time since.
KEEP = """
    UPDATE dispatch_reconciliation
    SET version = version + 1, cash_usd = cash_usd + %(cash_usd)s, fills_since = %(fills_since)s, pass_at = %(read_at)s,
        pass_epoch = %(epoch)s, pass_ms = %(pass_ms)s, suspects = %(suspects)s::jsonb, drift = %(drift)s,
        clean_at = CASE WHEN %(is_clean)s THEN %(read_at)s ELSE clean_at END,
        clean_epoch = CASE WHEN %(is_clean)s THEN %(epoch)s ELSE clean_epoch END
    WHERE account_id = %(account_id)s
"""
