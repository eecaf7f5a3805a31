package bridge

import (
	"log/slog"
	"net/http"

	"github.com/ssobridge/ssobridge/bridge/decision"
)

// name returns the app's name, or "" for a host without an app.
func (x *exchange) name() string {
	if x.app == nil {
		return ""
	}
	return x.app.Name
}

func (b *Bridge) logRefusal(x *exchange, ref *decision.Refusal, a answer, id string) {
	level := slog.LevelInfo
	if a.status >= http.StatusInternalServerError && ref.Reason != decision.ReasonClientGone {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("app", x.name()), slog.String("reason", string(ref.Reason)),
		slog.Int("status", a.status), slog.String("request_id", id),
	}
	if ref.Principal != nil {
		attrs = append(attrs, slog.String("subject", ref.Principal.Subject))
	}
	if ref.Decision.Allowed() {
		attrs = append(attrs, slog.Any("roles", ref.Decision.Roles))
	}
	if name := ref.Decision.RuleName(); name != "none" {
		attrs = append(attrs, slog.String("rule", name))
	}
	if ref.Err != nil {
		attrs = append(attrs, slog.Any("error", ref.Err))
	}
	if a.outcome == outcomeFailed {
		b.log.LogAttrs(x.In.Context(), level, "failed", attrs...)
		return
	}
	b.log.LogAttrs(x.In.Context(), level, "refused", attrs...)
}

// logBrokenAnswer logs that an app went away amid its answer. Nobody can be told any more.
func (b *Bridge) logBrokenAnswer(x *exchange, reason decision.Reason) {
	b.log.LogAttrs(x.In.Context(), slog.LevelWarn, "the answer broke off", slog.String("app", x.name()), slog.String("reason", string(reason)))
}
