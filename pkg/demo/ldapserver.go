package demo

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"
)

// The embedded server's tree and its administrator.
const (
	ldapSuffix = "dc=callout,dc=demo"
	ldapPeople = "ou=people," + ldapSuffix
	ldapAdmin  = "cn=admin," + ldapSuffix
)

const (
	portTries   = 5               // for a free port that somebody else snatched
	ldapStartIn = 3 * time.Second // until the server listens
)

// LDAPServer is a small LDAP server on a loopback port: simple bind, search,
// add, modify and delete on a tree in memory, enough for go-ldap and for
// ldapsearch. Anybody may search; the administrator writes. Safe for concurrent
// use.
type LDAPServer struct {
	gate     *gate
	server   *gldap.Server
	ended    chan error
	tree     *tree
	password string

	mu     sync.Mutex
	admins map[int]bool // connections bound as administrator
}

// StartLDAP starts a server whose tree holds only ou=people,dc=callout,dc=demo.
// It answers nobody until Up. Close it.
func StartLDAP(password string) (*LDAPServer, error) {
	s := &LDAPServer{tree: newTree(), password: password, admins: map[int]bool{}}
	var err error
	for range portTries {
		var inner string
		if inner, err = s.run(); err != nil {
			continue
		}
		if s.gate, err = newGate(inner); err != nil {
			return nil, errors.Join(err, s.server.Stop())
		}
		return s, nil
	}
	return nil, fmt.Errorf("the embedded LDAP server did not start: %w", err)
}

// run starts the server itself on a port that was free a moment ago.
func (s *LDAPServer) run() (addr string, err error) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr = probe.Addr().String()
	if err := probe.Close(); err != nil {
		return "", err
	}
	mux, err := s.routes()
	if err != nil {
		return "", err
	}
	s.server, err = gldap.NewServer(gldap.WithLogger(hclog.NewNullLogger()), gldap.WithOnClose(s.forget))
	if err != nil {
		return "", err
	}
	if err := s.server.Router(mux); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	s.ended = ended
	go func() { ended <- s.server.Run(addr) }()
	return addr, awaitListener(addr, ended)
}

// awaitListener returns once addr takes connections, or with the error that
// ended the server instead.
func awaitListener(addr string, ended <-chan error) error {
	deadline := time.Now().Add(ldapStartIn)
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case err := <-ended:
			return errors.Join(errors.New("the server ended at once"), err)
		case <-time.After(time.Millisecond):
		}
	}
}

// URL is where the server listens, up or not.
func (s *LDAPServer) URL() string { return "ldap://" + s.gate.listener.Addr().String() }

// Up lets clients in.
func (s *LDAPServer) Up() { s.gate.open.Store(true) }

// Close ends all connections and the server.
func (s *LDAPServer) Close() error {
	s.gate.close()
	err := s.server.Stop()
	return errors.Join(err, <-s.ended)
}

func (s *LDAPServer) routes() (*gldap.Mux, error) {
	mux, err := gldap.NewMux()
	if err != nil {
		return nil, err
	}
	return mux, errors.Join(
		mux.Bind(s.bind), mux.Search(s.search), mux.Add(s.add),
		mux.Modify(s.modify), mux.Delete(s.delete), mux.DefaultRoute(s.unknown),
	)
}

// bind takes the administrator with the password, or nobody with none. A name
// without a password is refused: it would be an anonymous bind that looks like
// another one (RFC 4513, 5.1.2).
func (s *LDAPServer) bind(w *gldap.ResponseWriter, r *gldap.Request) {
	resp := r.NewBindResponse(gldap.WithResponseCode(gldap.ResultInvalidCredentials))
	defer func() { _ = w.Write(resp) }()
	m, err := r.GetSimpleBindMessage()
	if err != nil {
		return
	}
	admin := sameDN(m.UserName, ldapAdmin) &&
		subtle.ConstantTimeCompare([]byte(m.Password), []byte(s.password)) == 1
	if !admin && (m.UserName != "" || m.Password != "") {
		return
	}
	s.mu.Lock()
	s.admins[r.ConnectionID()] = admin
	s.mu.Unlock()
	resp.SetResultCode(gldap.ResultSuccess)
}

func (s *LDAPServer) forget(connection int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.admins, connection)
}

func (s *LDAPServer) mayWrite(r *gldap.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admins[r.ConnectionID()]
}

func (s *LDAPServer) search(w *gldap.ResponseWriter, r *gldap.Request) {
	done := r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultProtocolError))
	defer func() { _ = w.Write(done) }()
	m, err := r.GetSearchMessage()
	if err != nil {
		return
	}
	found, code := s.tree.search(query{m.BaseDN, m.Scope, m.Filter, int(m.SizeLimit)})
	for _, e := range found {
		entry := r.NewSearchResponseEntry(e.dn)
		for _, a := range e.selected(m.Attributes) {
			values := a.values
			if m.TypesOnly {
				values = nil
			}
			entry.AddAttribute(a.name, values)
		}
		if w.Write(entry) != nil {
			return
		}
	}
	done.SetResultCode(code)
}

func (s *LDAPServer) add(w *gldap.ResponseWriter, r *gldap.Request) {
	code := gldap.ResultProtocolError
	if m, err := r.GetAddMessage(); err == nil {
		code = gldap.ResultInsufficientAccessRights
		if s.mayWrite(r) {
			code = s.tree.add(m.DN, attributesOf(m.Attributes))
		}
	}
	_ = w.Write(r.NewResponse(gldap.WithApplicationCode(gldap.ApplicationAddResponse), gldap.WithResponseCode(code)))
}

func (s *LDAPServer) modify(w *gldap.ResponseWriter, r *gldap.Request) {
	code := gldap.ResultProtocolError
	if m, err := r.GetModifyMessage(); err == nil {
		code = gldap.ResultInsufficientAccessRights
		if s.mayWrite(r) {
			code = s.tree.modify(m.DN, m.Changes)
		}
	}
	_ = w.Write(r.NewModifyResponse(gldap.WithResponseCode(code)))
}

func (s *LDAPServer) delete(w *gldap.ResponseWriter, r *gldap.Request) {
	code := gldap.ResultProtocolError
	if m, err := r.GetDeleteMessage(); err == nil {
		code = gldap.ResultInsufficientAccessRights
		if s.mayWrite(r) {
			code = s.tree.delete(m.DN)
		}
	}
	_ = w.Write(r.NewResponse(gldap.WithApplicationCode(gldap.ApplicationDelResponse), gldap.WithResponseCode(code)))
}

// unknown answers what the server does not offer.
func (s *LDAPServer) unknown(w *gldap.ResponseWriter, r *gldap.Request) {
	_ = w.Write(r.NewExtendedResponse(gldap.WithResponseCode(gldap.ResultUnwillingToPerform)))
}
