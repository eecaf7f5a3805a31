package server

import (
	"encoding/json"
	"net/http"

	"github.com/ssobridge/ssobridge/bridge/keys"
)

// describeKeys answers GET /keys on the admin listener.
func (s *server) describeKeys(w http.ResponseWriter, _ *http.Request) {
	all := []keys.Issuer{}
	for _, i := range s.state.issuers() {
		all = append(all, keys.Describe(i.issuer, i.fetched))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all) // the client may have gone
}
