package verifier

import "strings"

// googleAccounts begins the subject of Google's own accounts. Other identities come from
// providers of the customer, whose addresses Google says of whether they are verified.
const googleAccounts = "accounts.google.com:"

// keepGoogleEmail leaves the principal of an assertion of Google's Identity-Aware Proxy
// the address that somebody has proved to have, or none. It is removed from the claims,
// too, as rules and adapters can name any claim.
func (p *Principal) keepGoogleEmail() {
	email := ""
	if strings.HasPrefix(p.Subject, googleAccounts) {
		email = strings.TrimPrefix(p.Email, googleAccounts)
	} else if external, _ := p.Claims["gcip"].(map[string]any); external["email_verified"] == true {
		email, _ = external["email"].(string)
	}
	if CheckEmail(email) != nil || strings.ContainsAny(email, "/:") {
		email = ""
	}
	p.Email = email
	delete(p.Claims, "email")
	if email != "" {
		p.Claims["email"] = email
	}
}
