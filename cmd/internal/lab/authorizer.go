package lab

import (
	"net/http"
	"net/url"
	"strings"
)

// Authorizer is a custom authorizer as AWS IoT has it: it lets in whoever names it and shows its token. It is named and shown either in
// the MQTT login, user name and password, or in the request for a WebSocket, in its query or its header ("Custom authentication" in
// AWS IoT Core's developer guide).
type Authorizer struct {
	Name     string
	User     string // before the question mark of the user name
	Password string // of the MQTT login
	TokenKey string // name of the field with the token in a request
	Token    string
}

// authorizerName is the parameter that names the authorizer, in a query, in a header and behind the user name.
const authorizerName = "x-amz-customauthorizer-name"

// login judges an MQTT login: USER?x-amz-customauthorizer-name=NAME and the password.
func (a Authorizer) login(user, password string) bool {
	user, query, _ := strings.Cut(user, "?")
	values, err := url.ParseQuery(query)
	return err == nil && user == a.User && values.Get(authorizerName) == a.Name && password == a.Password
}

// named reports whether a request names an authorizer.
func (a Authorizer) named(r *http.Request) bool {
	return r.Header.Get(authorizerName) != "" || r.URL.Query().Get(authorizerName) != ""
}

// request judges a request for a WebSocket.
func (a Authorizer) request(r *http.Request) bool {
	has := func(get func(string) string) bool { return get(authorizerName) == a.Name && get(a.TokenKey) == a.Token }
	return has(r.Header.Get) || has(r.URL.Query().Get)
}
