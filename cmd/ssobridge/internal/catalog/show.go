package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Description is all there is to say of one preset or adapter.
type Description struct {
	Entry
	// App is the app whose values Setup has; empty: it has the preset's own.
	App string `json:"app,omitempty"`
	// Elsewhere is where the bridge reaches the app, if that is another machine;
	// "127.0.0.1" in Setup then stands for addresses between the two.
	Elsewhere string `json:"elsewhere,omitempty"`
	// Placeholder is the host that stands in Setup for the app's, if App is empty.
	Placeholder string `json:"placeholder,omitempty"`
	// Example is nil for an [adapter.NAME], which is in a configuration already.
	Example *Example `json:"example,omitempty"`
	// Source is a preset's own file.
	Source []byte `json:"-"`
}

// Describe describes the preset of a name.
func Describe(ctx context.Context, name string) (*Description, error) {
	p, err := config.LookupPreset(name)
	if err != nil {
		return nil, fmt.Errorf("%w; for an [adapter.NAME] of yours, add --config FILE", err)
	}
	return describe(ctx, &p, nil, nil)
}

// DescribeFor describes the adapter of a name with the values of an app of c. With
// no app, it is the one that uses the adapter; with no name, the app's adapter.
func DescribeFor(ctx context.Context, c *config.Config, name, app string) (*Description, error) {
	a, err := appFor(c, name, app)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = a.AdapterName
	}
	p, err := c.AdapterOf(name, a)
	if err != nil {
		return nil, err
	}
	return describe(ctx, &p, a, &c.Server)
}

// appFor returns the app of a name or, without one, that which uses the adapter;
// nil: none does.
func appFor(c *config.Config, adapter, app string) (*config.App, error) {
	var (
		all, using []string
		found      *config.App
	)
	for _, a := range c.Apps {
		switch {
		case app != "" && a.Name == app:
			return a, nil
		case app == "" && (a.AdapterName == adapter || adapter == ""):
			using, found = append(using, a.Name), a
		}
		all = append(all, a.Name)
	}
	switch {
	case app != "":
		return nil, fmt.Errorf("--app: no app is called %q%s", app, wording.Instead(app, all))
	case len(using) > 1 && adapter == "":
		return nil, errors.New("of which app? Add --app: there are " + strings.Join(using, ", "))
	case len(using) > 1:
		return nil, fmt.Errorf("%q is the adapter of several apps; add --app: %s", adapter, strings.Join(using, ", "))
	}
	return found, nil
}

func describe(ctx context.Context, p *config.Preset, app *config.App, server *config.Server) (*Description, error) {
	d := &Description{Entry: entryOf(p), Source: p.Source}
	if app == nil {
		d.Placeholder, _ = placeholders(p.Setup)
	} else {
		d.App, d.Setup = app.Name, fillSetup(p.Setup, p.Options, app, server)
		if elsewhere(app.Upstream) {
			d.Elsewhere = app.Upstream.String()
		}
	}
	if p.Place != "" {
		return d, nil
	}
	var err error
	d.Example, err = newExample(ctx, p, app)
	return d, err
}
