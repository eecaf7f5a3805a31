// Package session carries the sessions of apps that believe a cookie of their own.
//
// A session cookie never lets anybody in by itself. The assertion has been verified
// and mapped when this package is asked, at every request; all that it decides is
// whether the session that is there is that person's:
//
//	the browser's cookies (deliver = "browser") or the store ("upstream")
//	     │
//	     ├─ none ──────────────────────────────────────┐
//	     ├─ foreign: unsigned, changed, another app's ─┤ dropped: the app
//	     ├─ other: another person, role or sign-in ────┤ never sees them
//	     ├─ expired: past its hard end ────────────────┤
//	     │                                             ▼
//	     └─ kept ───────────────┐                    START (adapter.SessionStarter)
//	                            │                      │ failed: a refusal
//	                            ▼                      ▼
//	                         ─────── to the app ───────────
//	                            │
//	     the app's answer       ├─ sets its cookies: they are the session now,
//	                            │  bound to the same person and end as before
//	                            ├─ removes the first: GONE, here and there
//	                            ├─ says that the session has ended: GONE
//	                            └─ says nothing: what START began is handed out
//
// Sign-out ends in GONE from every state.
//
// # What binds a session
//
// The [bond]: app, issuer, subject, the session ID of the assertion, email, roles,
// attributes, and whatever else of the person the adapter says that it begins the
// session with. Who signs out and in again has another session ID, so that a cookie from
// before is nobody's, although no list of ended sessions is kept.
//
//   - An adapter.SessionReader finds it in the session itself (kind session).
//   - Of other cookies in the browser, the bridge keeps a seal beside them: a cookie of
//     its own with the end, the bond and a MAC over both and the cookies' values. It is
//     renewed whenever the app sets one of them.
//   - A session in the store lies there with its bond, under a key that follows from
//     app, person and session ID; a SessionReader is asked besides.
//
// # What browsers are told
//
// Cookies begin with "__Host-" in the browser, so that no neighbouring host can set
// or shadow them (RFC 6265bis §4.1.3.2), and are renamed on the way. HttpOnly, Secure
// and SameSite are always there, Domain never is, and no cookie outlives the session.
package session
