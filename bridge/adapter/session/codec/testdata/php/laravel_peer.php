<?php

// A Laravel app of middlewares alone, on the Illuminate components: requests come as
// lines of JSON on standard input, of which each has one answer on standard output.

use Illuminate\Auth\GenericUser;
use Illuminate\Auth\SessionGuard;
use Illuminate\Config\Repository;
use Illuminate\Container\Container;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;
use Illuminate\Cookie\CookieJar;
use Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse;
use Illuminate\Cookie\Middleware\EncryptCookies;
use Illuminate\Encryption\Encrypter;
use Illuminate\Encryption\EncryptionServiceProvider;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Illuminate\Http\Response;
use Illuminate\Pipeline\Pipeline;
use Illuminate\Session\Middleware\StartSession;
use Illuminate\Session\SessionManager;
use Illuminate\Session\Store;
use Illuminate\Support\Carbon;

error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', 'stderr');
require $argv[1];

// Everybody is a user.
class Users implements UserProvider
{
    public function retrieveById($id) { return new GenericUser(['id' => $id]); }
    public function retrieveByToken($id, $token) { return null; }
    public function updateRememberToken(Authenticatable $user, $token) {}
    public function retrieveByCredentials(array $credentials) { return null; }
    public function validateCredentials(Authenticatable $user, array $credentials) { return false; }
}

// A value with its exact type, which JSON would lose.
function typed($value)
{
    switch (gettype($value)) {
        case 'NULL': return ['NoneType', ''];
        case 'boolean': return ['bool', $value ? 'True' : 'False'];
        case 'integer': return ['int', (string) $value];
        case 'double': return ['float', var_export($value, true)];
        case 'string': return ['str', $value];
        case 'array':
            if (array_is_list($value)) {
                return ['list', array_map('typed', $value)];
            }
            $members = [];
            foreach ($value as $key => $member) {
                $members[] = [(string) $key, typed($member)];
            }
            return ['dict', $members];
        default: return [gettype($value), ''];
    }
}

function visit(array $asked): array
{
    Carbon::setTestNow(Carbon::createFromTimestamp($asked['now']));
    // PHP's own parser of Cookie headers has no other separator here.
    parse_str(str_replace('; ', '&', $asked['header']), $cookies);

    $container = new Container;
    $container->instance('config', new Repository(['session' => [
        'driver' => 'cookie', 'cookie' => $asked['cookie'], 'lifetime' => $asked['lifetime'],
        'expire_on_close' => false, 'encrypt' => $asked['encrypt'], 'lottery' => [0, 100],
        'path' => '/', 'domain' => null, 'serialization' => $asked['serialization'],
    ]]));
    $parse = new ReflectionMethod(EncryptionServiceProvider::class, 'parseKey');
    $parse->setAccessible(true);
    $key = $parse->invoke(new EncryptionServiceProvider($container), ['key' => $asked['secret']]);
    $encrypter = new Encrypter($key, $asked['cipher']);
    $container->instance('encrypter', $encrypter);
    $jar = new CookieJar;
    $container->instance('cookie', $jar);
    $manager = new SessionManager($container);

    $answer = [];
    $app = function (Request $request) use (&$answer, $asked, $jar) {
        $session = $request->session();
        $guard = new SessionGuard('web', new Users, $session, $request);
        $guard->setCookieJar($jar);
        $answer['user'] = $guard->check() ? (string) $guard->id() : null;
        $answer['session'] = ['dict', typed_members($session->all())];
        if (isset($asked['change'])) {
            eval($asked['change']); // from the test
        }
        return new Response;
    };
    $response = (new Pipeline($container))
        ->send(new Request([], [], [], $cookies, [], ['REQUEST_METHOD' => 'GET']))
        ->through([
            new EncryptCookies($encrypter),
            new AddQueuedCookiesToResponse($jar),
            // Illuminate\Session\Middleware\StartSession::handle
            new StartSession($manager),
        ])
        ->then($app);
    $answer['set'] = new stdClass;
    foreach ($response->headers->getCookies() as $cookie) {
        if ($cookie->getExpiresTime() >= $asked['now']) { // or else it is forgotten
            [$name, $value] = explode('=', explode(';', (string) $cookie)[0], 2);
            $answer['set']->$name = $value;
        }
    }
    return $answer;
}

function typed_members(array $array): array
{
    $members = [];
    foreach ($array as $key => $member) {
        $members[] = [(string) $key, typed($member)];
    }
    return $members;
}

// Laravel 9 and later can keep sessions in JSON.
$json = property_exists(Store::class, 'serialization');
echo json_encode(['version' => Application::VERSION, 'json' => $json]), "\n";
while (($line = fgets(STDIN)) !== false) {
    echo json_encode(visit(json_decode($line, true)), JSON_THROW_ON_ERROR), "\n";
}
