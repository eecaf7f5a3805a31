// Package verifiertest is a Pomerium in the same process: it signs identity
// assertions byte for byte as Pomerium signs them and publishes their keys as
// Pomerium does. It can also do what a test needs and a real issuer seldom
// shows: rotate its key, withdraw one, fail, hang, and sign nonsense.
//
//	issuer, err := verifiertest.NewIssuer()
//	server := httptest.NewServer(issuer.Handler())
//	// keys: server.URL + verifiertest.JWKSPath
//	request.Header.Set("X-Pomerium-Jwt-Assertion", issuer.Assertion(verifiertest.Claims{
//		Audience: "grafana.example.com",
//		Subject:  "ann",
//		Email:    "ann@example.com",
//		Groups:   []string{"sre"},
//	}))
//
// Assertion mints what Pomerium would send. Sign puts a valid signature under
// any header and payload, which is what attack tests start from. SetFault makes
// the published keys unavailable or bad.
//
// The package shares no code with package verifier, and imports the standard
// library only. It is the other side: a misreading of the format would have to
// be made twice to go unnoticed.
//
// Its keys are for tests. An Issuer signs whatever it is asked to, so nothing
// that matters may trust one.
package verifiertest
