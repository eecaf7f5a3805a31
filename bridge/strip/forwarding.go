package strip

// Headers by which an app takes another path, method, host, address, scheme or person
// than the request's own. Each is for a proxy right before the app to say, and that is
// the bridge: it says X-Forwarded-For, -Host and -Proto (package proxy), and an adapter
// what it owns. From anybody else, a trusted proxy too, they are removed: such a proxy
// may have them from the browser, as Pomerium passes on most of them.

// forwardingPrefixes begin names that proxies have made up by the dozen, such as:
//
//   - X-Forwarded-Prefix (Werkzeug ProxyFix, Laravel, Spring), -Context (NiFi), -Uri
//     (phpIPAM), -Port, -Scheme, -Ssl (Rack), -User and the like (apps behind oauth2-proxy).
//   - X-Original-Url (IIS rewriting; Symfony, Laminas), -Uri and -Method (nginx's
//     auth_request), -Host (ASP.NET), -Forwarded-For (ingress-nginx).
//   - X-Rewrite-Url (ISAPI Rewrite; Yii, CakePHP, Laminas).
var forwardingPrefixes = prefixes("X-Forwarded-", "X-Original-", "X-Rewrite-", "X-Envoy-Original-")

// identityPrefixes begin names by which other proxies tell apps who somebody is: IAP,
// Cloudflare Access, AWS load balancers, Azure App Service, Tailscale; and what
// certificate somebody has (nginx's and Apache's customary names).
var identityPrefixes = prefixes("X-Goog-Authenticated-User-", "X-Goog-Iap-", "Cf-Access-", "X-Amzn-Oidc-", "X-Ms-Client-Principal",
	"Tailscale-User-", "X-Ssl-Client-", "Ssl-Client-")

// forwarding are the other ones, with who reads them.
var forwarding = folded([]string{
	// Paths.
	"Script-Name", "Path-Info", // gunicorn (forwarder_headers), from loopback by default
	"X-Script-Name",                // calibre-web, pgAdmin, Radicale: cut off the path
	"X-Proxycontextpath",           // NiFi
	"Request-Uri", "X-Request-Uri", // nginx's auth_request, by custom
	"X-Waws-Unencoded-Url", "X-Ms-Original-Url", // Azure App Service, Static Web Apps
	"X-Replaced-Path",                 // Traefik
	"X-Http-Path-Override",            // by custom
	"X-Matched-Path", "X-Invoke-Path", // Next.js
	"X-Middleware-Rewrite", "X-Middleware-Subrequest", // Next.js (CVE-2025-29927)
	"X-Sendfile-Type", "X-Accel-Mapping", // Rack::Sendfile (CVE-2025-61780)

	// Hosts and schemes.
	"X-Host", "X-Http-Host-Override",
	"X-Proxyhost", "X-Proxyport", "X-Proxyscheme", // NiFi
	"X-Scheme",                                     // Tornado (JupyterHub), calibre-web, pgAdmin
	"X-Url-Scheme",                                 // by custom
	"Front-End-Https", "X-Arr-Ssl", "Wl-Proxy-Ssl", // Microsoft's, Yii; IIS; WebLogic

	// Addresses.
	"Forwarded", "X-Forwarded", // RFC 7239; django-ipware
	"X-Real-Ip",                                       // Tornado, DokuWiki, Miniflux, NetBox, TT-RSS
	"X-Client-Ip", "Client-Ip", "X-Cluster-Client-Ip", // django-ipware, Rails, PHP apps
	"X-Remote-Addr", "X-Remote-Ip", // Radicale
	"True-Client-Ip", "Fastly-Client-Ip", "Fly-Client-Ip", // Akamai (chi, Graylog), Fastly, Fly
	"Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", // Cloudflare
	"Do-Connecting-Ip", "X-Nf-Client-Connection-Ip", // DigitalOcean, Netlify
	"X-Envoy-External-Address",                       // Envoy
	"X-Appengine-User-Ip", "X-Appengine-Remote-Addr", // App Engine (Gin)
	"X-Azure-Clientip", "X-Azure-Socketip", // Azure Front Door
	"Proxy-Client-Ip", "Wl-Proxy-Client-Ip", "Http-Client-Ip", // WebLogic; Java apps
	"Forwarded-For", "X-Originating-Ip", "X-Proxyuser-Ip", "X-Connecting-Ip", // by custom (request-ip, PHP apps)
	"Remote-Addr", "Remote-Host", "X-Remote-Host", // CGI's own names, as headers
	"X-Vercel-Forwarded-For", "X-Sucuri-Clientip", "Incap-Client-Ip", // Vercel, Sucuri, Imperva
	"Eo-Client-Ip", "Ali-Cdn-Real-Ip", "Cdn-Src-Ip", "Cdn-Real-Ip", // EdgeOne, Alibaba Cloud, other CDNs

	// Certificates.
	"Client-Cert", "Client-Cert-Chain", // RFC 9440
	"X-Client-Cert", "X-Arr-Clientcert", // by custom; Azure App Service
})

// isForwarding reports whether a folded name is one of these.
func isForwarding(name []byte) bool {
	if _, is := forwarding[string(name)]; is {
		return true
	}
	return beginsWith(name, forwardingPrefixes) || beginsWith(name, identityPrefixes)
}

// What some apps take another method from. It is often the app's own pages that send
// them, so that they matter only where methods decide.
var otherMethods = folded([]string{
	"X-Http-Method-Override", // Rack, Symfony, Laravel, ASP.NET, Express, Jersey, gRPC gateways
	"X-Http-Method",          // OData
	"X-Method-Override",      // IBM's; Express
	// By custom, in middleware of many frameworks.
	"Method-Override", "Http-Method-Override", "X-Http-Verb-Override", "X-Http-Verb", "X-Method", "X-Tunneled-Method",
})

// senderCookies are beginnings of cookies that hold the assertion, or are as good, by
// the header that the same sender uses. The app could replay them.
var senderCookies = map[string][]string{
	"cf-access-jwt-assertion":  {"CF_Authorization", "CF_AppSession"},
	"x-goog-iap-jwt-assertion": {"GCP_IAAP_AUTH_TOKEN_", "GCP_IAP_AUTH_TOKEN_", "__Host-GCP_IAP_AUTH_TOKEN_"},
}
