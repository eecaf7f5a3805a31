# A Rails app of middlewares alone, on Action Pack and Warden: requests come as lines
# of JSON on standard input, of which each has one answer on standard output.

require "json"
require "openssl"
require "action_dispatch"
require "action_dispatch/middleware/cookies"
require "action_dispatch/middleware/session/cookie_store"
require "active_support/key_generator"
require "active_support/messages/rotation_configuration"
require "active_support/testing/time_helpers"
require "warden"

include ActiveSupport::Testing::TimeHelpers

ActiveSupport.use_standard_json_time_format = true
Warden::Manager.serialize_from_session(:user) { |key| key } # as Devise: [[id], salt]

# key_generator_hash_digest_class, which Rails 6.1 does not have yet.
class KeyGeneratorOf
  def initialize(secret, digest)
    @secret, @digest = secret, digest
  end

  def generate_key(salt, length = 64)
    OpenSSL::KDF.pbkdf2_hmac(@secret, salt: salt, iterations: 1000, length: length, hash: @digest)
  end
end

def key_generator(secret, digest)
  generator = ActiveSupport::KeyGenerator
  return KeyGeneratorOf.new(secret, digest) unless generator.respond_to?(:hash_digest_class=)
  generator.new(secret, iterations: 1000, hash_digest_class: OpenSSL::Digest.const_get(digest))
end

# A value with its exact type, which JSON would lose.
def typed(value)
  case value
  when Hash then ["dict", value.map { |key, member| [key.to_s, typed(member)] }]
  when Array then ["list", value.map { |member| typed(member) }]
  when nil then ["NoneType", ""]
  when true then ["bool", "True"]
  when false then ["bool", "False"]
  when Integer then ["int", value.to_s]
  when Float then ["float", value.to_s]
  when String then ["str", value]
  else [value.class.name, value.to_s]
  end
end

def visit(asked)
  answer = {}
  app = lambda do |env|
    session = ActionDispatch::Request.new(env).session
    user = env["warden"].user(:user)
    answer["user"] = user && user[0][0].to_s
    answer["session"] = typed(session.to_hash)
    eval(asked["change"], binding) if asked["change"] # from the test
    [200, {}, []]
  end
  app = Warden::Manager.new(app) { |m| m.default_scope = :user; m.failure_app = app }
  app = ActionDispatch::Session::CookieStore.new(app, { key: asked["cookie"], expire_after: asked["expire_after"] }.compact)
  app = ActionDispatch::Cookies.new(app)
  rotations = ActiveSupport::Messages::RotationConfiguration.new
  Array(asked["old_secrets"]).each do |old|
    rotations.rotate(:encrypted, key_generator(old, asked["digest"]).generate_key("authenticated encrypted cookie", 32))
  end
  _, headers, = app.call(
    "REQUEST_METHOD" => "GET", "PATH_INFO" => "/", "SERVER_NAME" => "app", "SERVER_PORT" => "80",
    "rack.url_scheme" => "http", "rack.input" => StringIO.new, "rack.errors" => $stderr,
    "HTTP_COOKIE" => asked["header"],
    "action_dispatch.key_generator" => key_generator(asked["secret"], asked["digest"]),
    "action_dispatch.secret_key_base" => asked["secret"],
    "action_dispatch.authenticated_encrypted_cookie_salt" => "authenticated encrypted cookie",
    "action_dispatch.signed_cookie_salt" => "signed cookie",
    "action_dispatch.encrypted_cookie_salt" => "encrypted cookie",
    "action_dispatch.encrypted_signed_cookie_salt" => "signed encrypted cookie",
    "action_dispatch.use_authenticated_cookie_encryption" => true,
    "action_dispatch.cookies_serializer" => (asked["serializer"] || "json").to_sym,
    "action_dispatch.cookies_rotations" => rotations,
    "action_dispatch.use_cookies_with_metadata" => asked.fetch("metadata", true),
  )
  set = headers["Set-Cookie"] || headers["set-cookie"] || []
  set = set.split("\n") if set.is_a?(String)
  answer["set"] = set.to_h { |line| line.split(";")[0].split("=", 2) }
  answer
end

# What an app with load_defaults "7.1" or later has, which must not matter.
if ActiveSupport::VERSION::STRING >= "7.1"
  ActiveSupport::Messages::Metadata.use_message_serializer_for_metadata = true
end

$stdout.sync = true
puts JSON.generate(version: ActiveSupport::VERSION::STRING)
$stdin.each_line do |line|
  asked = JSON.parse(line)
  travel_to(Time.at(asked["now"])) { puts JSON.generate(visit(asked)) }
end
