package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) describeTargetCommand() *cobra.Command {
	var server serverFlags
	var org orgFlag
	cmd := &cobra.Command{
		Use:               "target [ORG:]NAME",
		Aliases:           []string{"targets"},
		Short:             "Tell everything that is known of a target",
		Long:              `Tells the settings of a target, what names it, whether it is paused, and how its lines stand.`,
		Example:           "  callout describe target audit\n  callout describe target acme:crm -o json",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			r, err := org.target(args[0])
			if err != nil {
				return err
			}
			return p.describeTarget(cmd.Context(), &server, r)
		},
	}
	org.add(cmd, "the `ORG` that defines the target; left out, the instance")
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) describeTarget(ctx context.Context, server *serverFlags, r ref) error {
	answer, err := ask(ctx, server, &calloutv1.GetTargetRequest{Instance: server.instance, Org: r.org, Name: r.name},
		calloutv1connect.ActionServiceClient.GetTarget)
	if err != nil {
		return err
	}
	if server.output != asTable {
		return p.print(server.output, answer)
	}
	own, err := orgsWithTheirOwn(ctx, server, r)
	if err != nil {
		return err
	}
	if err := p.say("%s", targetText(answer)); err != nil {
		return err
	}
	return p.linesOf(ctx, server, func(s *calloutv1.Subscription) bool {
		return s.GetTarget() == r.name && (s.GetOrg() == r.org || r.org == "" && !own[s.GetOrg()])
	})
}

// orgsWithTheirOwn are the organizations that define a target of this name
// themselves: their lines do not lead to the instance's.
func orgsWithTheirOwn(ctx context.Context, server *serverFlags, r ref) (map[string]bool, error) {
	own := map[string]bool{}
	err := eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.Target, string, error) {
		answer, err := ask(ctx, server, &calloutv1.ListTargetsRequest{Instance: server.instance, PageSize: pageSize, PageToken: token,
			Filter: &calloutv1.TargetFilter{Names: []string{r.name}}}, calloutv1connect.ActionServiceClient.ListTargets)
		return answer.GetTargets(), answer.GetNextPageToken(), err
	}, func(page []*calloutv1.Target) error {
		for _, t := range page {
			own[t.GetOrg()] = true
		}
		return nil
	})
	return own, err
}

func targetText(answer *calloutv1.GetTargetResponse) string {
	t, full := answer.GetTarget(), targetOf(answer.GetTarget()) // with its defaults
	var f facts
	f.add("name", t.GetName())
	f.add("defined by", scopeName(t.GetOrg()))
	f.add("type", t.GetType())
	f.add("url", t.GetUrl())
	f.add("state", pauseText(t))
	f.add("timeout", catalog.ShortDuration(full.Timeout))
	f.add("interrupts on error", fmt.Sprint(t.GetInterruptOnError()))
	if t.GetType() == "call" {
		f.add("mapping", string(full.Mapping))
		f.list("may change", t.GetAllow())
	}
	if len(t.GetHeaderSources()) > 0 {
		f.add("secret headers", sourceTexts(t.GetHeaderSources()))
	}
	if len(t.GetHeaders()) > 0 {
		f.add("headers", strings.Join(slices.Sorted(maps.Keys(t.GetHeaders())), ", ")+" (values: callout get target -o yaml)")
	}
	f.list("never sent", t.GetRedact())
	f.list("masked", t.GetMask())
	f.add("retry", retryText(full.Retry))
	f.add("signing key", keyText(t.GetSigningKey()))
	f.add("signature", signatureText(full.Signatures))
	f.add("payload", payloadText(&full))
	f.add("lanes", fmt.Sprint(full.Lanes))
	f.add("limits of a worker", limitsText(t))
	if t.GetMaxAnswer() > 0 {
		f.add("longest answer", fmt.Sprintf("%d bytes", t.GetMaxAnswer()))
	}
	if full.NoKeepAlive {
		f.add("connections", "a new one for each exchange")
	}
	if full.IdleTime > 0 {
		f.add("connections", "kept for "+catalog.ShortDuration(full.IdleTime))
	}
	f.add("tls", tlsText(full.TLS))
	f.add("may also dial", strings.Join(t.GetEgress().GetAllow(), ", "))
	if by := t.GetUsableBy(); by != nil {
		f.add("usable by", cmp.Or(strings.Join(by.GetOrgs(), ", "), "no organization"))
	}
	f.add("labels", labelsText(t.GetLabels()))
	f.list("used by", answer.GetUsedBy())
	if len(answer.GetUsedBy()) == 0 {
		f.add("used by", "nothing")
	}
	f.add("belongs to the file", t.GetFile())
	f.add("id", t.GetId())
	f.add("etag", t.GetEtag())
	f.add("created", timeText(t.GetCreateTime()))
	f.add("changed", timeText(t.GetUpdateTime()))
	f.add("revision", fmt.Sprint(answer.GetRevision()))
	return f.String()
}

func pauseText(t *calloutv1.Target) string {
	switch {
	case t.GetPauseReason() != "":
		return "paused: " + t.GetPauseReason()
	case t.GetPaused():
		return "paused, by its configuration"
	}
	return "active"
}

func retryText(r action.Retry) string {
	text := fmt.Sprintf("from %s up to %s, for %s", catalog.ShortDuration(r.Initial), catalog.ShortDuration(r.Max), catalog.ShortDuration(r.MaxAge))
	if r.Attempts > 0 {
		text += ", " + count(r.Attempts, "attempt")
	}
	return text
}

func signatureText(all []action.Signature) string {
	var words []string
	for _, s := range all {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

func keyText(k *calloutv1.KeySource) string {
	switch {
	case k.GetEnv() != "":
		return "from the variable " + k.GetEnv() + " of the dispatcher"
	case k.GetFile() != "":
		return "from the file " + k.GetFile() + " of the dispatcher"
	}
	return "made for it, and kept"
}

// payloadText tells what the body is.
func payloadText(t *action.Target) string {
	if !t.IsSigned() {
		return string(cmp.Or(t.Payload, action.PayloadJSON))
	}
	text := string(t.Payload) + ", signed with " + string(t.Algorithm())
	if t.Payload == action.PayloadJWE {
		text += ", encrypted with the active one of: callout target public-key list"
	}
	return text
}

// tlsText tells how the target's server must prove who it is; empty when it says nothing.
func tlsText(t action.TLS) string {
	var words []string
	if all, err := action.ReadAuthorities(t.CA); err == nil {
		words = append(words, "signed by "+count(len(all), "certificate")+" of its own")
	}
	if t.CAFrom != (action.SecretSource{}) {
		words = append(words, "signed by "+sourceWords(sourceMessage(t.CAFrom)))
	}
	if t.ServerName != "" {
		words = append(words, "as "+t.ServerName)
	}
	if t.MinVersion != "" {
		words = append(words, "TLS "+t.MinVersion+" or newer")
	}
	if t.Key != (action.SecretSource{}) {
		words = append(words, "shown "+certificateText(t))
	}
	return strings.Join(words, ", ")
}

// certificateText tells which client certificate the target's server is shown.
func certificateText(t action.TLS) string {
	from, with := "a certificate", ", with the key in "+sourceWords(sourceMessage(t.Key))
	switch all, err := action.ReadAuthorities(t.Certificate); {
	case err == nil:
		from = "the certificate of " + all[0].Subject.String() + ", until " + all[0].NotAfter.UTC().Format(time.DateOnly)
	case t.CertificateFrom != (action.SecretSource{}):
		from = "the certificate in " + sourceWords(sourceMessage(t.CertificateFrom))
	default:
		with = " with its key, both in " + sourceWords(sourceMessage(t.Key))
	}
	return from + with
}
