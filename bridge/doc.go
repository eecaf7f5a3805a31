// Package bridge answers requests: it finds the app, verifies the assertion,
// maps the person to a role and hands both to the app through its adapter.
//
//	request → select app → strip owned names → verify assertion → map → adapt → apply → upstream
//	             │ 421          (on the copy          │ 400, 401,   │ 403   │ 403, 500     │ 502, 504
//	             │               that goes on)        │ 405, 503    │       │              │
//	             └────────────────────────────────────┴─────────────┴───────┴──────────────┴─── refusal
//
// Any failure on the way is a refusal, never a pass-through. A request that is
// not for a configured host ends at once; a request without exactly one valid
// assertion of a person with a role never causes a connection to an upstream.
//
// One immutable [Snapshot] (all apps with their rules and adapters) is loaded
// once per request, so a reload is either wholly before a request or wholly
// after it.
package bridge
