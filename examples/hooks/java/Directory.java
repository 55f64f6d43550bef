import java.util.Hashtable;
import javax.naming.Context;
import javax.naming.NameAlreadyBoundException;
import javax.naming.NamingException;
import javax.naming.directory.BasicAttribute;
import javax.naming.directory.BasicAttributes;
import javax.naming.directory.DirContext;
import javax.naming.directory.InitialDirContext;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;

/** An LDAP server, by the JDK's own client. */
record Directory(String url, String bindDn, String password, String base) {
    static Directory fromEnv() {
        return new Directory(env("LDAP_URL"), env("LDAP_BIND_DN"), env("LDAP_PASSWORD"), env("LDAP_BASE"));
    }

    private static String env(String name) {
        return System.getenv().getOrDefault(name, "");
    }

    /** Writes a user. An event may come twice, so an entry that exists is brought up to date. */
    void put(Hooks.User user) throws NamingException {
        var server = dial();
        try {
            var name = new LdapName(base.isEmpty() ? context(server) : base);
            name.add(new Rdn("uid", user.username()));
            try {
                server.createSubcontext(name, entry(user, true)).close();
            } catch (NameAlreadyBoundException e) {
                server.modifyAttributes(name, DirContext.REPLACE_ATTRIBUTE, entry(user, false));
            }
        } finally {
            server.close();
        }
    }

    private DirContext dial() throws NamingException {
        var settings = new Hashtable<String, String>();
        settings.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
        settings.put(Context.PROVIDER_URL, url);
        settings.put("com.sun.jndi.ldap.connect.timeout", "2000"); // milliseconds
        settings.put("com.sun.jndi.ldap.read.timeout", "2000");
        if (!bindDn.isEmpty()) {
            settings.put(Context.SECURITY_AUTHENTICATION, "simple");
            settings.put(Context.SECURITY_PRINCIPAL, bindDn);
            settings.put(Context.SECURITY_CREDENTIALS, password);
        }
        return new InitialDirContext(settings);
    }

    private static String context(DirContext server) throws NamingException {
        return (String) server.getAttributes("", new String[] {"namingContexts"}).get("namingContexts").get();
    }

    private static BasicAttributes entry(Hooks.User user, boolean fresh) {
        var out = new BasicAttributes(true);
        if (fresh) {
            var classes = new BasicAttribute("objectClass");
            for (String name : new String[] {"top", "person", "organizationalPerson", "inetOrgPerson"}) {
                classes.add(name);
            }
            out.put(classes);
        }
        out.put("uid", user.username());
        out.put("cn", user.givenName() + " " + user.familyName());
        out.put("sn", user.familyName());
        out.put("givenName", user.givenName());
        out.put("mail", user.email());
        out.put("employeeNumber", user.id());
        if (user.metadata() != null && user.metadata().get("department") != null) {
            out.put("departmentNumber", user.metadata().get("department"));
        }
        return out;
    }
}
