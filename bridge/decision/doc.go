// Package decision decides about requests. It is the one decision behind every door:
// proxy mode and explanations ask it, and so will forward-auth, the OpenID provider and
// the console. Plain data goes in and comes out. It sees no http.ResponseWriter, and
// changes nothing of a request.
//
//		Request → admit → identify → map → limit → tell → Grant
//		             │       │         │      │      │
//		             └───────┴─────────┴──────┴──────┴──→ Refusal, with one Reason
//
//	  - admit (path.go): what the path and the headers say by themselves. A public path
//	    ends here, with a grant to nobody.
//	  - identify (source.go): exactly one valid assertion of an issuer of the app.
//	  - map: package mapping. No role is a refusal.
//	  - limit (limit.go): how much one person and the whole app may ask at a time.
//	  - tell (tell.go): what the adapter tells the app, and the session it is told in.
//
// A [Snapshot] is all apps of one configuration, immutable. [Loads] and the sessions
// outlive it.
package decision
