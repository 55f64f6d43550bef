package callout

// Claims are what a function that completes a token is answered. The zero value says nothing; the verbs
// can be put behind each other: callout.Claim("uid", id).LogClaim("by hook").
type Claims struct {
	SetUserMetadata []UserMetadata `json:"set_user_metadata,omitempty"`
	AppendClaims    []ClaimEntry   `json:"append_claims,omitempty"`
	AppendLogClaims []string       `json:"append_log_claims,omitempty"`
}

// ClaimEntry is a claim of a token.
type ClaimEntry struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// UserMetadata is a piece of metadata of a user.
type UserMetadata struct {
	Key   string `json:"key"`
	Value []byte `json:"value"` // base64 in JSON
}

// Claim appends a claim to the token. The value is anything with a JSON.
func Claim(key string, value any) *Claims { return (&Claims{}).Claim(key, value) }

// Metadata sets metadata of the user.
func Metadata(key string, value []byte) *Claims { return (&Claims{}).Metadata(key, value) }

// LogClaim appends a text to the token's log of claims.
func LogClaim(text string) *Claims { return (&Claims{}).LogClaim(text) }

// Claim appends one more claim.
func (c *Claims) Claim(key string, value any) *Claims {
	c.AppendClaims = append(c.AppendClaims, ClaimEntry{key, value})
	return c
}

// Metadata sets one more piece of metadata.
func (c *Claims) Metadata(key string, value []byte) *Claims {
	c.SetUserMetadata = append(c.SetUserMetadata, UserMetadata{key, value})
	return c
}

// LogClaim appends one more text.
func (c *Claims) LogClaim(text string) *Claims {
	c.AppendLogClaims = append(c.AppendLogClaims, text)
	return c
}

// TokenContext is what token functions are told, as far as a core names it.
type TokenContext struct {
	Function     string         `json:"function"`
	UserInfo     map[string]any `json:"userinfo"`
	User         User           `json:"user"`
	UserMetadata []UserMetadata `json:"user_metadata"`
	Org          Org            `json:"org"`
	UserGrants   []UserGrant    `json:"user_grants"`
	Application  struct {
		ClientID string `json:"client_id"`
	} `json:"application"`
	Response map[string]any `json:"response"` // what earlier targets have answered
}

// User is the user that a token is for.
type User struct {
	ID                 string `json:"id"`
	Username           string `json:"username"`
	PreferredLoginName string `json:"preferred_login_name"`
}

// Org is the organization of the user.
type Org struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	PrimaryDomain string `json:"primary_domain"`
}

// UserGrant is a grant of the user.
type UserGrant struct {
	ID        string   `json:"id"`
	ProjectID string   `json:"project_id"`
	Roles     []string `json:"roles"`
}
