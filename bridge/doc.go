// Package bridge is proxy mode: it answers requests by carrying them to their app, with
// the identity that the app is to believe.
//
// # The way of a request
//
//	route       which app, by which door: proxied, sign-in, sign-out, own page     route.go
//	  │ 400, 405, 421, 431
//	admit       what the target says by itself: public, denied, refused            decision/path.go
//	  │ 400, 403
//	identify    exactly one valid assertion                                        decision/source.go, verifier
//	  │ 401, 503
//	map         the rules                                                          mapping
//	  │ 403
//	limit       WebSockets from other sites, rate, requests at the same time       decision/limit.go
//	  │ 403, 413, 429, 503
//	tell        what the adapter says, and the session it is said in               decision/tell.go, adapter, session
//	  │ 400, 403, 500, 502, 503
//	outgoing    every edit of the request: address, headers, cookies, query, body  outgoing.go, strip
//	  │
//	carry       to the app and back                                                carry.go, proxy
//	    408, 413, 502, 504
//
// The steps from admit to tell are decision.Decide, which other doors ask as well. Any
// failure on the way is a refusal, never a pass-through: a request without exactly one
// valid assertion of a person with a role never causes a connection to an upstream,
// unless its path is public.
//
// One immutable decision.Snapshot (all apps with their rules and adapters) is loaded once
// per request. So a reload is either wholly before a request or wholly after it.
//
// # Packages
//
//	server       listeners, reloads, shutdown; owns what outlives a snapshot
//	bridge       proxy mode: the line above, refusals, sign-out, streams under way
//	decision     the one decision behind every door: plain data in and out
//	request      reads what came: host, method, path, wire
//	strip        removes what nobody but the bridge may say
//	proxy        carries bytes to an upstream and back
//	session      whose session it is; store keeps sessions
//	adapter      the contract of adapters, the presets; one package below it for each kind
//	keys         the keys of issuers: kept fresh for the bridge, fetched once for commands
//	config       TOML to Config, with every problem at its place; lints
//	policy       questions about a policy: explain, diff, test; one package for each
//	telemetry    metrics
//	wording      how lists and suggestions are written
//
// Imports point down this list, and on to mapping and verifier.
//
// # Where to add something
//
// A preset: adapter/presets/NAME.toml, with its sources and versions. Run
// go test ./bridge/adapter/adaptertest -update, and read the golden file that it writes.
// The tests name what is missing.
//
// A kind: package adapter says it step by step, in its comment.
// The conformance suite of adaptertest is called by the kind's own test.
// Presets of the kind follow.
//
// A door (forward-auth, say): build a decision.Request of what came, and ask
// decision.Decide. Send the grant on in the door's own form, and answer each Reason.
// Call the grant's Leave when the request is over.
//
// A lint: a function in config/lint_*.go that adds a warning with a code. The code stands
// in the table of codes. Give it a case in testdata, with its exact text.
//
// A metric: telemetry, with labels from a fixed set or from the configuration. Nothing of
// a request may be a label. Package server registers it.
package bridge
